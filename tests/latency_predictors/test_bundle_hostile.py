"""Whatever stands in a field of a bundle or of its answer: it is refused, or everything works with it."""

import hashlib
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.agent_protocol import Score, Trouble, Work
from latency_predictors.bundle import VERSION, Answer, Bundle, Outcome, read_answer, unpack
from latency_predictors.fake_device import FakeDevice, Script
from latency_predictors.measure import ENERGY_PROTOCOL, LAYER_PROTOCOL
from latency_predictors.plausible import implausible, known_reference, misdated
from latency_predictors.unit import Unit
from search_spaces.errors import HwnasError
from tests.latency_predictors.hostile import TOO_LARGE, Place, changed, sample, written
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import told

KEY, FILE = "5" * 64, b"file one"
CODES = ("damaged_bundle", "agent_outdated", "agent_newer")
WORK = Work(
    lease="1" * 32,
    attempt=0,
    context=CONTEXT,
    timing=LAYER_PROTOCOL,
    files={"2" * 64: hashlib.sha256(FILE).hexdigest()},
    sessions=2,
    reference_ms={"anchor": 0.5},
)
BUNDLE = Bundle(
    protocol=VERSION, id="1" * 32, name="pi5", key=KEY, device=DEVICE, unit="board-1", works=(WORK,)
).model_dump(mode="json")


def answer() -> Any:
    """An answer with a session, one with energies, a score and trouble."""
    session = timed_session(["a" * 64, "b" * 64], DEVICE, CONTEXT)
    (watched,) = FakeDevice({"a" * 64: 1.0}, Script(watts=5.0)).sessions(["a" * 64], ENERGY_PROTOCOL, 1)
    score = Score(subject="2" * 64, images="3" * 64, classes=(1, 2))
    trouble = Trouble(
        code="session_died", message="it died", context=CONTEXT, timing=LAYER_PROTOCOL, subjects=("2" * 64,)
    )
    outcomes = (
        Outcome(work=0, session=session),
        Outcome(work=0, session=watched),
        Outcome(work=0, score=score, context=CONTEXT),
        Outcome(work=0, trouble=trouble),
    )
    made = Answer(bundle="1" * 32, told=told(), outcomes=outcomes, finished=(0,)).signed(KEY)
    return made.model_dump(mode="json")


def bundled(folder: Path, document: Any) -> Path:
    """A bundle with a document in the place of its work."""
    path = folder / "pi5.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bundle.json", written(document))
        archive.writestr(f"files/{hashlib.sha256(FILE).hexdigest()}", FILE)
    return path


def refused(read: Callable[[], object]) -> str:
    """Why a file is refused, in one line with a code that is documented; empty where it is not."""
    try:
        read()
    except HwnasError as error:
        found = error
    else:
        return ""
    assert found.code in CODES
    assert len(found.message) < 500
    assert found.message.isprintable()
    return found.message


def check_workable(bundle: Bundle) -> None:
    """Do with a bundle what a board does before it measures."""
    told(bundle.name)
    assert bundle.device is None or Unit(bundle.device, bundle.unit).label
    for work in bundle.works:
        assert work.timing.of_tails in (True, False)
        assert 0 < work.context.threads * work.context.batch < 2**53
        assert all(0 < one < math.inf for one in work.reference_ms.values())


def check_takeable(found: Answer) -> None:
    """Do with an answer what an import does with it."""
    found.is_signed_with(KEY)
    for one in found.outcomes:
        assert 0 <= one.work < 2**31
        if one.session is not None and not implausible(one.session):
            known_reference(one.session)
            misdated(one.session, 0.0, math.inf)


def test_whatever_a_field_of_a_bundle_says_it_is_refused_or_everything_works(tmp_path: Path) -> None:
    def read(document: Any) -> None:
        bundle, _ = unpack(bundled(tmp_path, document), tmp_path)
        check_workable(bundle)

    assert refused(lambda: read(BUNDLE)) == ""
    why = [refused(lambda one=one: read(changed(BUNDLE, *one))) for one in sample(BUNDLE)]  # type: ignore[misc]
    assert 0.8 * len(why) < sum(map(bool, why)) < len(why)


def test_whatever_a_field_of_an_answer_says_it_is_refused_or_everything_works(tmp_path: Path) -> None:
    path, whole = tmp_path / "answer.json", answer()

    def read(document: Any) -> None:
        path.write_bytes(written(document))
        check_takeable(read_answer(path))

    assert refused(lambda: read(whole)) == ""
    why = [refused(lambda one=one: read(changed(whole, *one))) for one in sample(whole)]  # type: ignore[misc]
    assert 0.6 * len(why) < sum(map(bool, why)) < len(why)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("protocol",), 2**70, "protocol"),
        (("name",), "no name", "name"),
        (
            ("works", 0, "reference_ms", "anchor"),
            TOO_LARGE,
            "works.0.reference_ms.anchor is no finite number",
        ),
        (("works", 0, "reference_ms", "anchor"), 0, "works.0.reference_ms.anchor is 0"),
        (("works", 0, "timing", "block_s"), 1e300, "works.0.timing.block_s is 1e+300"),
        (("works", 0, "timing", "min_blocks"), -1, "works.0.timing.min_blocks is -1"),
        (("works", 0, "timing", "warm_up_s"), math.nan, "works.0.timing.warm_up_s is no finite number"),
        (("works", 0, "context", "threads"), 0, "works.0.context.threads is 0"),
        (("works", 0, "context", "batch"), 2**62, "works.0.context.batch is "),
    ],
)
def test_the_field_of_a_bundle_is_named(place: Place, value: Any, named: str, tmp_path: Path) -> None:
    path = bundled(tmp_path, changed(BUNDLE, place, value))
    assert named in refused(lambda: unpack(path, tmp_path))


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("outcomes", 0, "work"), -1, "outcomes.0.work"),
        (("finished", 0), 2**62, "finished.0"),
        (("outcomes", 0, "session", "readings", 0, "at_ns"), 2**70, "at_ns is a number beyond 64 bits"),
        (("told", "clock_s"), TOO_LARGE, "told.clock_s is no finite number"),
    ],
)
def test_the_field_of_an_answer_is_named(place: Place, value: Any, named: str, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_bytes(written(changed(answer(), place, value)))
    assert named in refused(lambda: read_answer(path))
