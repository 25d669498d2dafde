import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.fake_device import FakeDevice, Script
from latency_predictors.measure import ENERGY_PROTOCOL, LAYER_PROTOCOL, NETWORK_PROTOCOL, Summary
from latency_predictors.plausible import implausible
from latency_predictors.protocol import AnchorReading, SessionResult, SubjectFailure
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.latency_predictors.timed_sessions import timed_session

GOOD = timed_session(["a" * 64, "b" * 64], DEVICE, CONTEXT)


def failure(code: str) -> SubjectFailure:
    """A file that is told to have failed."""
    return SubjectFailure(digest="c" * 64, code=code, message="")


def with_summary(**values: Any) -> SessionResult:
    """The session with one result changed."""
    first = GOOD.results[0]
    changed = first.model_copy(update={"summary": replace(first.summary, **values)})
    return GOOD.model_copy(update={"results": (changed, *GOOD.results[1:])})


def scaled(session: SessionResult, factor: float) -> SessionResult:
    """All latencies of a session in another unit."""

    def times(summary: Summary) -> Summary:
        names = [name for name in vars(summary) if name.endswith("_ms")]
        return replace(summary, **{name: factor * getattr(summary, name) for name in names})

    results = (one.model_copy(update={"summary": times(one.summary)}) for one in session.results)
    return session.model_copy(update={"results": tuple(results)})


def test_nothing_speaks_against_a_session_that_was_measured() -> None:
    assert implausible(GOOD) == ""
    subjects = {f"{number:064x}": 0.02 * 1.4**number for number in range(20)}
    for timing in (LAYER_PROTOCOL, NETWORK_PROTOCOL):
        for session in FakeDevice(subjects).sessions(list(subjects), timing):
            assert implausible(session) == ""


@pytest.mark.parametrize("factor", [1000.0, 1 / 1000.0])
def test_another_unit_contradicts_the_time_that_the_session_took(factor: float) -> None:
    subjects = {f"{number:064x}": 0.02 * 1.4**number for number in range(20)}
    for timing in (LAYER_PROTOCOL, NETWORK_PROTOCOL):
        for session in FakeDevice(subjects).sessions(list(subjects), timing):
            assert "is that another unit?" in implausible(scaled(session, factor))


@pytest.mark.parametrize(
    ("session", "reason"),
    [
        (with_summary(median_ms=math.nan), "not positive and finite"),
        (with_summary(min_ms=-0.1), "not positive and finite"),
        (with_summary(mean_ms=0.0), "not positive and finite"),
        (with_summary(p95_ms=math.inf), "not positive and finite"),
        (with_summary(std_ms=-1.0), "standard deviation"),
        (with_summary(p10_ms=0.9), "percentiles"),
        (with_summary(num_blocks=0), "never run"),
        (with_summary(num_blocks=1), "another unit"),
        (GOOD.model_copy(update={"provenance": "published"}), "measured itself"),
        (GOOD.model_copy(update={"started_at": "yesterday"}), "time zone"),
        (GOOD.model_copy(update={"started_at": "2026-01-01T00:00:00"}), "time zone"),
        (GOOD.model_copy(update={"reference_ms": {"anchor": -1.0}}), "reference"),
        (GOOD.model_copy(update={"readings": ()}), "nobody looked"),
        (GOOD.model_copy(update={"failures": (failure("session_died"),)}), "not with 'session_died'"),
        (GOOD.model_copy(update={"failures": (failure("x" * 9_000),)}), "not with 'xxx"),
    ],
)
def test_what_cannot_be_is_named(session: SessionResult, reason: str) -> None:
    assert reason in implausible(session)


@pytest.mark.parametrize("scale", [0.001, 1000.0])
def test_anchors_do_not_say_that_a_device_is_a_thousand_times_slower(scale: float) -> None:
    first = GOOD.results[0].model_copy(update={"scale": scale})
    assert "scale" in implausible(GOOD.model_copy(update={"results": (first,)}))


def test_pauses_are_time_too() -> None:
    def paced(pause_ms: float, span_ns: int) -> SessionResult:
        readings = tuple(AnchorReading(at_ns=at, median_ms={"anchor": 0.5}) for at in (0, span_ns))
        context = replace(CONTEXT, pause_ms=pause_ms)
        return GOOD.model_copy(update={"context": context, "readings": readings})

    check: Callable[[SessionResult], str] = implausible
    assert check(paced(10.0, 10**12)) == ""
    assert "another unit" in check(paced(10.0, 10**9)), "320 pauses of 10 ms do not fit into a second"


def test_energies_have_to_agree_with_the_power_and_the_time_beside_them() -> None:
    device = FakeDevice({"a" * 64: 1.0}, Script(watts=5.0))
    (session,) = device.sessions(["a" * 64], ENERGY_PROTOCOL, num_sessions=1)
    assert implausible(session) == ""
    (result,) = session.results
    seen = result.summary.energy
    assert seen is not None

    def told(energy: MeasuredEnergy | None) -> str:
        changed = result.model_copy(update={"summary": replace(result.summary, energy=energy)})
        return implausible(session.model_copy(update={"results": (changed,)}))

    assert "no meter has seen it" in told(None)
    joules = replace(seen.gross, value_mj=seen.gross.value_mj / 1e3)
    assert "mJ are not" in told(replace(seen, gross=joules))
    assert "not positive and finite" in told(replace(seen, mean_w=math.nan))
