import pytest

from latency_predictors.drift import (
    DriftRules,
    against,
    around_kept,
    at_rest,
    largest_move,
    move,
    outcome,
    slowness,
    times_faster,
)
from latency_predictors.protocol import AnchorReading, Conditions, Segment, SessionResult, Timed
from tests.latency_predictors.sessions import session, summary


def reading(at_s: float, network: float, memory: float) -> AnchorReading:
    return AnchorReading(at_ns=round(at_s * 1e9), median_ms={"network": network, "memory": memory})


def timed(digest: str, at_s: float, ms: float, before: AnchorReading, after: AnchorReading) -> Timed:
    return Timed(
        digest=digest,
        at_ns=round(at_s * 1e9),
        summary=summary(ms),
        before=before,
        after=after,
        moved=False,
        num_repeats=0,
    )


def test_how_slow_a_device_is_the_first_anchor_says() -> None:
    reference = {"memory": 0.2, "network": 0.5}  # as an older session kept it
    assert slowness({"network": 0.6, "memory": 0.26}, reference) == pytest.approx(1.2)
    assert slowness({"network": 0.5, "memory": 0.4}, reference) == 1.0
    assert slowness({"another": 0.5, "memory": 0.4}, reference) == 2.0
    assert slowness({"another": 0.5}, reference) == 1.0


def test_the_largest_move_is_that_of_the_anchor_that_moved_most() -> None:
    before, after = reading(0, 1.0, 1.0), reading(1, 1.1, 0.8)
    assert largest_move(before, after) == largest_move(after, before) == pytest.approx(0.25)


def test_a_move_is_that_of_the_first_anchor() -> None:
    begin, together, alone = reading(0, 1.0, 1.0), reading(1, 1.1, 1.05), reading(1, 1.0, 1.5)
    assert move(begin, together) == move(together, begin) == pytest.approx(0.1)
    assert move(begin, alone) == move(alone, begin) == 0.0


def test_rest_is_what_the_fastest_quarter_show() -> None:
    slow = [reading(i, 1.5, 1.5) for i in range(5)]
    fast = [reading(9, 1.0, 1.0), reading(10, 1.02, 1.02), reading(11, 1.04, 1.04)]
    # Two of eight: their median is 1.01, and what is at most 2.5 % slower counts too.
    assert at_rest([*slow, *fast], DriftRules()) == {"network": 1.01, "memory": 1.01}


def test_a_device_that_is_faster_for_a_moment_is_not_at_rest_then() -> None:
    readings = [reading(0, 0.8, 0.8), *(reading(1 + i, 1.0, 1.0) for i in range(15))]
    assert at_rest(readings, DriftRules()) == {"network": 1.0, "memory": 1.0}


def test_a_memory_that_others_use_now_and_then_does_not_tell_when_a_device_rests() -> None:
    readings = [reading(i, 1.0, (1.0, 1.1, 1.2)[i % 3]) for i in range(9)]
    assert at_rest(readings, DriftRules()) == {"network": 1.0, "memory": 1.1}
    slow = [reading(10 + i, 1.2, 1.0) for i in range(30)]
    assert at_rest([*readings, *slow], DriftRules()) == {"network": 1.0, "memory": 1.1}


def test_readings_that_stand_around_nothing_do_not_tell_what_rest_is() -> None:
    waits = [reading(1 + i, 1.5, 1.5) for i in range(20)]
    before, after = reading(0, 1.0, 1.0), reading(30, 1.0, 1.0)
    segment = Segment(
        timed=(timed("x", 15, 3.0, before, after),), failures=(), readings=(before, *waits, after)
    )
    assert around_kept([segment]) == [before, after]
    assert outcome([segment]).reference_ms == {"network": 1.0, "memory": 1.0}


def test_subjects_are_divided_by_the_scale_at_their_time() -> None:
    before, after = reading(0, 1.0, 1.0), reading(10, 1.2, 1.2)
    kept = (timed("early", 2.5, 3.15, before, after), timed("late", 7.5, 3.45, before, after))
    segment = Segment(timed=kept, failures=(), readings=(before, after))
    found = outcome([segment], {"network": 1.0, "memory": 1.0})
    assert [result.median_ms for result in found.results] == pytest.approx([3.0, 3.0])
    assert found.readings == (before, after)


def test_nothing_measured_is_an_outcome_too() -> None:
    found = outcome([])
    assert (found.results, found.failures, found.readings, found.reference_ms) == ((), (), (), {})


def test_a_session_against_a_faster_reference_is_slower_and_suspect() -> None:
    slow = session("s1", {"x": 1.4}).model_copy(update={"reference_ms": {"anchor": 0.7}})
    found = against(slow, {"anchor": 0.5})
    assert found.results[0].scale == pytest.approx(1.4)
    assert found.results[0].median_ms == pytest.approx(1.0)
    assert found.results[0].suspect
    assert found.reference_ms == {"anchor": 0.5}


def test_a_session_with_other_anchors_is_suspect_and_not_scaled() -> None:
    found = against(session("s1", {"x": 1.4}), {"another": 0.5})
    assert [(result.scale, result.suspect) for result in found.results] == [(1.0, True)]


@pytest.mark.parametrize(
    ("network", "memory", "scale", "suspect"),
    [
        (1.14, 1.0, 1.14, False),  # the clock of the processor is slower, memory is not
        (1.0, 1.14, 1.0, False),
        (1.16, 1.0, 1.16, True),
        (1.0, 1.16, 1.0, True),
        (1.29, 1.197, 1.29, True),  # they agree, but so much is more than drift
    ],
)
def test_the_other_anchor_says_whether_the_first_speaks_for_a_subject(
    network: float, memory: float, scale: float, suspect: bool
) -> None:
    before, after = reading(0, network, memory), reading(10, network, memory)
    segment = Segment(timed=(timed("x", 5, 3.0, before, after),), failures=(), readings=(before, after))
    (found,) = outcome([segment], {"memory": 1.0, "network": 1.0}).results
    assert found.scale == pytest.approx(scale)
    assert found.suspect is suspect


def test_a_session_against_its_own_reference_is_as_it_was() -> None:
    own = session("s1", {"x": 1.0})
    assert against(own, own.reference_ms) is own


def scaled(*scales: float, busy: bool = False) -> SessionResult:
    found = session("s", {str(number): 1.0 for number in range(len(scales))})
    results = [
        result.model_copy(update={"scale": scale})
        for result, scale in zip(found.results, scales, strict=True)
    ]
    return found.model_copy(update={"results": tuple(results), "conditions": Conditions(too_busy=busy)})


def test_two_sessions_tell_that_a_device_is_faster_than_its_reference() -> None:
    fast, slower = scaled(0.7, 0.7, 1.0), scaled(0.8)
    assert times_faster([fast, slower]) == pytest.approx(1.25)
    assert times_faster([fast]) == 1.0, "one process may be lucky"
    assert times_faster([fast, scaled(0.7, busy=True)]) == 1.0
    assert times_faster([fast, scaled()]) == 1.0, "it has measured nothing"
    assert times_faster([fast, fast, scaled(0.85)]) == 1.0, "that much is corrected for"
