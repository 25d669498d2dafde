import threading
from typing import Any

import pytest

from latency_predictors.agent_protocol import Heartbeat, Nothing, Work
from latency_predictors.measure import LAYER_PROTOCOL
from tests.latency_predictors.sessions import CONTEXT
from tests.workers.jobs_at_work import until
from workers.agent_link import RefusedError, ServerAwayError
from workers.agent_pulse import Pulse

WORK = Work(
    lease="a" * 32,
    attempt=7,
    context=CONTEXT,
    timing=LAYER_PROTOCOL,
    files={"1" * 64: "2" * 64},
    sessions=1,
    reference_ms={},
)


class Wire:
    """Takes heartbeats; answers what a test wants."""

    def __init__(self, *answers: Exception) -> None:
        self.seen: list[tuple[str, Heartbeat]] = []
        self.answers = list(answers)

    def post(self, path: str, told: Heartbeat, model: type[Nothing]) -> Nothing:
        self.seen.append((path, told))
        if self.answers:
            raise self.answers.pop(0)
        return model()


def pulse(wire: Any) -> Pulse:
    return Pulse(wire, "1" * 32, WORK, every_s=0.01)


def test_the_lease_is_kept_with_what_is_measured() -> None:
    wire = Wire()
    with pulse(wire) as beating:
        beating.progress(2, 5)
        until(lambda: bool(wire.seen) and wire.seen[-1][1].measured == 2)
    path, told = wire.seen[-1]
    assert path == f"agents/leases/{'a' * 32}/heartbeat"
    assert (told.instance, told.attempt, told.measured, told.to_measure) == ("1" * 32, 7, 2, 5)
    number = threading.active_count()
    until(lambda: threading.active_count() < number or len(wire.seen) > 0)


def test_a_service_that_is_away_ends_nothing() -> None:
    wire = Wire(*[ServerAwayError("server_unreachable", "no answer")] * 3)
    with pulse(wire) as beating:
        until(lambda: len(wire.seen) > 4)
        beating.progress(1, 1)


def test_a_lease_that_has_ended_stops_the_measuring() -> None:
    wire = Wire(RefusedError("lease_lapsed", "another began"))
    with pulse(wire) as beating:
        until(lambda: beating._refused is not None)
        with pytest.raises(RefusedError, match="another began"):
            beating.progress(1, 1)
    assert len(wire.seen) == 1
