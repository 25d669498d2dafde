import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.fake_device import FakeDevice, Script, Throttling
from latency_predictors.measure import ENERGY_PROTOCOL, LAYER_PROTOCOL, NETWORK_PROTOCOL, Summary
from latency_predictors.plausible import implausible, known_reference, misdated
from latency_predictors.protocol import AnchorReading, SessionResult, SubjectFailure
from latency_predictors.replay import Trace, replay
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


def with_anchors(*read_ms: float, reference_ms: float = 0.5) -> SessionResult:
    """The session with other times of its one anchor; the scale is what the first of them says."""
    apart_ns = GOOD.readings[-1].at_ns // (len(read_ms) - 1)
    readings = [AnchorReading(at_ns=i * apart_ns, median_ms={"anchor": one}) for i, one in enumerate(read_ms)]
    reference = {"anchor": reference_ms if abs(read_ms[0]) < 50 else read_ms[0]}
    results = [
        one.model_copy(update={"scale": abs(read_ms[0]) / reference["anchor"]}) for one in GOOD.results
    ]
    update = {"readings": tuple(readings), "reference_ms": reference, "results": tuple(results)}
    return GOOD.model_copy(update=update)


def scaled(session: SessionResult, factor: float) -> SessionResult:
    """All latencies of a session in another unit."""

    def times(summary: Summary) -> Summary:
        names = [name for name in vars(summary) if name.endswith("_ms")]
        return replace(summary, **{name: factor * getattr(summary, name) for name in names})

    results = (one.model_copy(update={"summary": times(one.summary)}) for one in session.results)
    return session.model_copy(update={"results": tuple(results)})


def published(**changes: Any) -> SessionResult:
    """A session of a board that replays."""
    trace = Trace(
        source="a paper",
        licence="MIT",
        device=DEVICE,
        context=CONTEXT,
        published_at="2021",
        latency_ms={"a" * 64: 1.5, "b" * 64: 2.5},
    )
    return replay(trace, list(trace.latency_ms), NETWORK_PROTOCOL).model_copy(update=changes)


def test_what_was_published_is_taken_of_whoever_says_that_it_replays() -> None:
    assert implausible(published(), replays=True) == ""
    assert "measured itself" in implausible(published())
    assert misdated(published(), 0.0, 1.0) == ""
    assert known_reference(published())


def test_what_was_published_may_hand_on_a_reference_that_is_known() -> None:
    handed_on = published(reference_ms={"anchor": 0.5})
    assert not known_reference(handed_on)
    assert known_reference(handed_on, [{"anchor": 0.5}])


def test_published_values_are_held_against_themselves() -> None:
    one, other = published().results
    faster = one.model_copy(update={"scale": 2.0})
    worthless = one.model_copy(update={"summary": replace(one.summary, median_ms=math.nan)})
    assert "no anchors" in implausible(published(results=(faster, other)), replays=True)
    (watched,) = FakeDevice({"a" * 64: 1.0}, Script(watts=5.0)).sessions(["a" * 64], ENERGY_PROTOCOL, 1)
    energy = watched.results[0].summary.energy
    frugal = one.model_copy(update={"summary": replace(one.summary, energy=energy)})
    assert energy is not None
    assert "no meter" in implausible(published(results=(other, frugal)), replays=True)
    assert "no anchors" in implausible(published(readings=GOOD.readings), replays=True)
    assert "not positive" in implausible(published(results=(worthless, other)), replays=True)
    assert "not with 'x'" in implausible(published(failures=(failure("x"),)), replays=True)
    assert "another unit" in implausible(with_summary(num_blocks=1), replays=True), "it is measured"


@pytest.mark.parametrize(
    ("at", "taken"),
    [
        ("", True),
        ("2021-05-06T00:00:00+00:00", True),
        ("2021", False),
        ("2021-05-06T00:00:00", False),
        ("x", False),
    ],
)
def test_of_what_was_published_a_moment_is_known_or_nothing(at: str, taken: bool) -> None:
    reason = implausible(published(started_at=at), replays=True)
    assert reason == "" if taken else "neither empty nor a time" in reason


def test_nothing_speaks_against_a_session_that_was_measured() -> None:
    assert implausible(GOOD) == ""
    subjects = {f"{number:064x}": 0.02 * 1.4**number for number in range(20)}
    for timing in (LAYER_PROTOCOL, NETWORK_PROTOCOL):
        for session in FakeDevice(subjects).sessions(list(subjects), timing):
            assert implausible(session) == ""


@pytest.mark.parametrize(
    "script",
    [
        Script(noise=0.1, outlier_share=0.05, outlier_factor=50.0),
        Script(drift=0.5, throttling=Throttling(5.0, 1.8, 3.0)),
        Script(session_factors=(2.0, 1.0, 1.4), crash_share=0.05, unevenness=0.5),
    ],
)
def test_nothing_speaks_against_sessions_of_a_device_that_is_disturbed(script: Script) -> None:
    subjects = {f"{number:064x}": 0.02 * 2**number for number in range(15)}
    known: list[dict[str, float]] = []
    for session in FakeDevice(subjects, script).sessions(list(subjects), LAYER_PROTOCOL, num_sessions=3):
        assert implausible(session) == ""
        assert known_reference(session, known)
        known.append(session.reference_ms)
    assert len(known) >= 3


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
        (with_summary(low_ms=0.51), "not in its interval"),
        (with_summary(high_ms=0.1), "not in its interval"),
        (with_summary(p95_low_ms=0.9), "not in its interval"),
        (with_summary(low_ms=1e-6), "no block takes"),
        (with_summary(high_ms=1e6), "no block takes"),
        (with_summary(first_ms=1e9), "no block takes"),
        (with_summary(last_ms=1e-9), "no block takes"),
        (with_summary(mean_ms=0.4), "no block takes"),
        (with_summary(std_ms=1e300), "standard deviation is not 1e+300"),
        (with_summary(num_blocks=0), "never run"),
        (with_summary(num_blocks=1), "another unit"),
        (GOOD.model_copy(update={"provenance": "published"}), "measured itself"),
        (GOOD.model_copy(update={"started_at": "yesterday"}), "time zone"),
        (GOOD.model_copy(update={"started_at": "2026-01-01T00:00:00"}), "time zone"),
        (GOOD.model_copy(update={"reference_ms": {"anchor": -1.0}}), "reference"),
        (GOOD.model_copy(update={"reference_ms": {"anchor": 500.0}}), "its anchors say 0.001 to 0.001"),
        (GOOD.model_copy(update={"reference_ms": {"other": 0.5}}), "other anchors"),
        (GOOD.model_copy(update={"reference_ms": {}}), "other anchors"),
        (with_anchors(-0.5, 0.5), "reading of the anchors is not positive"),
        (with_anchors(500.0, 500.0, 500.0), "its anchors took"),
        (with_anchors(1e300, 1e300), "reference of the anchors is not positive"),
        (with_anchors(1.0, 1e300), "reading of the anchors is not positive"),
        (GOOD.model_copy(update={"reference_ms": {"anchor": 1e300}}), "reference"),
        (GOOD.model_copy(update={"readings": ()}), "nobody looked"),
        (GOOD.model_copy(update={"failures": (failure("session_died"),)}), "not with 'session_died'"),
        (GOOD.model_copy(update={"failures": (failure("x" * 9_000),)}), "not with 'xxx"),
    ],
)
def test_what_cannot_be_is_named(session: SessionResult, reason: str) -> None:
    assert reason in implausible(session)


def test_times_whose_sum_no_number_holds_are_too_long() -> None:
    assert "is that another unit?" in implausible(scaled(GOOD, 7e305 / GOOD.results[0].median_ms))


def test_an_energy_that_is_next_to_nothing_is_none() -> None:
    (session,) = FakeDevice({"a" * 64: 1.0}, Script(watts=5.0)).sessions(["a" * 64], ENERGY_PROTOCOL, 1)
    assert implausible(session) == ""
    (result,) = session.results
    assert result.summary.energy is not None
    weak = replace(result.summary.energy, mean_w=1e-200, latency_ms=1e-200)
    changed = result.model_copy(update={"summary": replace(result.summary, energy=weak)})
    assert "an energy is not positive" in implausible(session.model_copy(update={"results": (changed,)}))


@pytest.mark.parametrize("scale", [0.001, 0.021, 0.99, 1.01, 49.0, 1000.0])
def test_a_scale_is_one_that_the_anchors_say(scale: float) -> None:
    first = GOOD.results[0].model_copy(update={"scale": scale})
    assert f"its scale is {scale:g}, its anchors say 1 to 1" in implausible(
        GOOD.model_copy(update={"results": (first,)})
    )


@pytest.mark.parametrize(
    ("scale", "taken"), [(1.0, True), (1.2, True), (1.44, True), (0.99, False), (1.5, False)]
)
def test_a_scale_lies_between_what_two_anchors_say(scale: float, taken: bool) -> None:
    readings = [
        one.model_copy(update={"median_ms": {"network": 0.5, "memory": 0.288}}) for one in GOOD.readings
    ]
    update = {
        "readings": tuple(readings),
        "reference_ms": {"network": 0.5, "memory": 0.2},
        "results": tuple(one.model_copy(update={"scale": scale}) for one in GOOD.results),
    }
    reason = implausible(GOOD.model_copy(update=update))
    assert reason == "" if taken else "its anchors say 1 to 1.44" in reason


def test_no_device_is_a_thousand_times_slower_than_at_rest() -> None:
    assert "its scale is 0.01" in implausible(with_anchors(0.5, 0.5, reference_ms=50.0))


def test_a_session_begins_after_it_was_asked_for_and_before_now() -> None:
    began = datetime(2026, 11, 26, 12, tzinfo=UTC)
    session = GOOD.model_copy(update={"started_at": began.isoformat()})
    at_s = began.timestamp()
    assert misdated(session, at_s - 1, at_s + 1) == ""
    for begin_s, end_s in ((at_s + 1, at_s + 9), (at_s - 9, at_s - 1)):
        assert "it is dated 2026-11-26T12:00:00+00:00" in misdated(session, begin_s, end_s)


def test_a_reference_is_one_that_is_known_or_near_what_the_session_read_itself() -> None:
    slow = with_anchors(1.0, 1.1)
    assert implausible(slow) == ""
    assert not known_reference(slow)
    assert not known_reference(slow, [{"anchor": 0.6}, {"other": 0.5}, {}])
    assert known_reference(slow, [{"anchor": 0.5}])
    assert known_reference(with_anchors(0.55, 0.6))
    assert known_reference(slow.model_copy(update={"results": ()})), "it divides nothing"


def test_pauses_are_time_too() -> None:
    def paced(pause_ms: float, span_ns: int) -> SessionResult:
        readings = tuple(AnchorReading(at_ns=at, median_ms={"anchor": 0.5}) for at in (0, span_ns))
        context = replace(CONTEXT, pause_ms=pause_ms)
        return GOOD.model_copy(update={"context": context, "readings": readings})

    check: Callable[[SessionResult], str] = implausible
    assert check(paced(10.0, 10**12)) == ""
    assert "another unit" in check(paced(10.0, 10**9)), "320 pauses of 10 ms do not fit into a second"


def watched(script: Script) -> SessionResult:
    """A session in which a meter saw a file run."""
    (session,) = FakeDevice({"a" * 64: 1.0}, script).sessions(["a" * 64], ENERGY_PROTOCOL, num_sessions=1)
    return session


def seen_in(session: SessionResult) -> MeasuredEnergy:
    """What the meter saw there."""
    (result,) = session.results
    assert result.summary.energy is not None
    return result.summary.energy


def with_energy(session: SessionResult, energy: MeasuredEnergy | None) -> SessionResult:
    """The session with another energy."""
    (result,) = session.results
    changed = result.model_copy(update={"summary": replace(result.summary, energy=energy)})
    return session.model_copy(update={"results": (changed,)})


def test_energies_have_to_agree_with_the_power_and_the_time_beside_them() -> None:
    session = watched(Script(watts=5.0))
    assert implausible(session) == ""
    seen = seen_in(session)

    def told(energy: MeasuredEnergy | None) -> str:
        return implausible(with_energy(session, energy))

    assert "no meter has seen it" in told(None)
    joules = replace(seen.gross, value_mj=seen.gross.value_mj / 1e3)
    assert "mJ are not" in told(replace(seen, gross=joules))
    assert "not positive and finite" in told(replace(seen, mean_w=math.nan))
    assert "interval" in told(replace(seen, gross=replace(seen.gross, upper_mj=seen.gross.lower_mj)))


@pytest.mark.parametrize("idle_watts", [0.001, 4.9, 5.3, 40.0])
def test_a_network_may_take_nothing_above_idle_or_less(idle_watts: float) -> None:
    session = watched(Script(watts=5.0, idle_watts=idle_watts))
    assert implausible(session) == ""
    assert (seen_in(session).net.value_mj < 0) == (idle_watts > 5.0)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"net": {"value_mj": -1e300}}, "-1e+300 mJ above rest are not"),
        ({"net": {"lower_mj": 5.0}}, "5 mJ above rest are not"),
        ({"net": {"upper_mj": -1.0}}, "-1 mJ above rest are not"),
        ({"net": {"value_mj": math.nan}}, "nan mJ above rest are not"),
        ({"idle_w": (3.0, 1.0)}, "mJ above rest are not"),
        ({"idle_w": (1e308, -1e308)}, "a power at rest is not finite"),
        ({"idle_w": (math.nan, 1.0)}, "a power at rest is not finite"),
        ({"gross": {"kind": "assumed"}}, "an energy is not measured"),
        ({"net": {"kind": "modelled"}}, "an energy is not measured"),
        ({"net": {"scope": "wall"}}, "its energies are of board and wall"),
    ],
)
@pytest.mark.parametrize("asked", [True, False])
def test_what_is_told_of_an_energy_agrees_with_itself(
    changed: dict[str, Any], reason: str, *, asked: bool
) -> None:
    session = watched(Script(watts=5.0))
    seen = seen_in(session)
    new = {
        name: replace(getattr(seen, name), **one) if isinstance(one, dict) else one
        for name, one in changed.items()
    }
    odd = with_energy(session, replace(seen, **new))
    assert reason in implausible(odd.model_copy(update={"timing": replace(odd.timing, energy=asked)}))


def test_a_network_may_take_a_kilojoule() -> None:
    session = watched(Script(watts=5.0))
    seen = seen_in(session)
    gross, net = (
        replace(one, **{name: 1e6 * getattr(one, name) for name in ("value_mj", "lower_mj", "upper_mj")})
        for one in (seen.gross, seen.net)
    )
    idle_w = (1e3 * seen.idle_w[0], 1e3 * seen.idle_w[1])
    slow = replace(seen, latency_ms=1e3 * seen.latency_ms, mean_w=1e3 * seen.mean_w, idle_w=idle_w)
    assert gross.upper_mj > 1e6
    assert not implausible(with_energy(session, replace(slow, gross=gross, net=net)))
