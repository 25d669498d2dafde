"""Whatever stands in a field of a trace: it is refused, or a board can be replayed from it."""

import math
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.agent_protocol import Registration
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.plausible import implausible
from latency_predictors.replay import Trace, replay
from search_spaces.errors import HwnasError
from tests.latency_predictors.hostile import TOO_LARGE, Place, changed, sample, written
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from workers.agent_replay import replayed_board

TRACE = Trace(
    source="a paper, table 3",
    licence="MIT",
    device=DEVICE,
    context=CONTEXT,
    published_at="2021-05-06",
    latency_ms={"a" * 64: 1.5, "b" * 64: 2.5},
).model_dump(mode="json")
CODES = ("no_trace", "unknown_runtime")


def refused(path: Path, document: Any) -> str:
    """Why a trace is refused, in one line with a code that is documented; empty where it is served."""
    path.write_bytes(written(document))
    try:
        check_serves(path)
    except HwnasError as error:
        found = error
    else:
        return ""
    assert found.code in CODES
    assert len(found.message) < 600
    assert found.message.isprintable()
    return found.message


def check_serves(path: Path) -> None:
    """Register and answer as the agent of the file does."""
    board = replayed_board(path)
    own = {"name": "board", "instance": "0" * 32, "cache_bytes": 0, "clock_s": 0.0}
    Registration.model_validate({**board.facts(), **own})
    session = replay(board.trace, list(board.trace.latency_ms), NETWORK_PROTOCOL)
    assert implausible(session, replays=True) == ""
    assert len(board.trace.context.digest) == len(board.trace.device.digest)


def test_whatever_a_field_says_it_is_refused_or_served(tmp_path: Path) -> None:
    assert refused(tmp_path / "paper.json", TRACE) == ""
    why = [refused(tmp_path / "paper.json", changed(TRACE, *one)) for one in sample(TRACE)]
    assert 0.7 * len(why) < sum(map(bool, why)) < len(why)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("latency_ms", "a" * 64), TOO_LARGE, f"latency_ms.{'a' * 64} is no finite number"),
        (("latency_ms", "a" * 64), 1e300, "latency_ms"),
        (("latency_ms", "a" * 64), 1e-300, "latency_ms"),
        (("latency_ms", "a" * 64), 2**70, "beyond 64 bits"),
        (("context", "pause_ms"), math.nan, "context.pause_ms is no finite number"),
        (("context", "batch"), 0, "context.batch is 0"),
        (("context", "threads"), -1, "context.threads is -1"),
        (("device", "num_cores"), -1, "device.num_cores is -1"),
        (("source",), "\0", "source is or has text"),
        (("x\ny" * 300,), 1, "y: Extra"),
    ],
)
def test_the_field_is_named(place: Place, value: Any, named: str, tmp_path: Path) -> None:
    assert named in refused(tmp_path / "paper.json", changed(TRACE, place, value))
