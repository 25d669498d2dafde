import numpy as np
import pytest
import scipy

from latency_predictors.protocol import Conditions, SessionResult
from latency_predictors.spread import (
    MIN_REL_SD,
    SINGLE_SESSION_REL_SD,
    KnownSpread,
    combine,
    combine_sessions,
    student_95,
)
from tests.latency_predictors.sessions import session


def test_the_value_is_the_median_over_sessions_and_the_spread_their_deviation() -> None:
    median, rel_sd = combine([1.0, 1.1, 1.3])
    assert median == 1.1
    assert rel_sd == pytest.approx(np.std([1.0, 1.1, 1.3], ddof=1) / 1.1)


def test_one_session_has_an_assumed_spread() -> None:
    assert combine([2.0]) == (2.0, SINGLE_SESSION_REL_SD)


def test_sessions_that_agree_by_chance_still_spread() -> None:
    assert combine([2.0, 2.0]) == (2.0, MIN_REL_SD)


def test_values_are_corrected_for_drift_before_they_are_combined() -> None:
    found = combine_sessions([session("s1", {"x": 1.0}), session("s2", {"x": 1.2}, scale=1.2)])
    assert found["x"].median_ms == pytest.approx(1.0)
    assert found["x"].rel_sd == MIN_REL_SD
    assert found["x"].session_ids == ("s1", "s2")


def test_the_interval_holds_what_is_inside_a_session_and_what_is_between() -> None:
    sessions = [session("s1", {"x": 1.0}, spread=0.02), session("s2", {"x": 1.1}, spread=0.02)]
    found = combine_sessions(sessions)["x"]
    rel_sd = np.std([1.0, 1.1], ddof=1) / 1.05
    assert found.median_ms == pytest.approx(1.05)
    # One file alone in two sessions: Student's quantile for one degree of freedom.
    assert found.upper_ms == pytest.approx(1.05 * 1.02 * (1 + 12.706 * rel_sd / np.sqrt(2)))
    assert found.lower_ms == pytest.approx(1.05 * 0.98 / (1 + 12.706 * rel_sd / np.sqrt(2)))
    assert found.p90_ms == pytest.approx(1.05 * 1.04)


def test_a_subject_that_agrees_by_chance_has_the_spread_of_all() -> None:
    sessions = [session("s1", {"x": 1.0, "y": 1.0}), session("s2", {"x": 1.0, "y": 1.2})]
    found = combine_sessions(sessions)
    assert found["x"].rel_sd == MIN_REL_SD
    assert found["x"].upper_ms > 1.1


def test_a_subject_is_suspect_where_every_session_was() -> None:
    sessions = [session("s1", {"x": 1.0, "y": 1.0}, suspect=True), session("s2", {"x": 1.0})]
    found = combine_sessions(sessions)
    assert not found["x"].suspect
    assert found["y"].suspect


def test_a_session_that_the_others_contradict_does_not_count() -> None:
    medians = {"s1": 1.0, "s2": 3.0, "s3": 1.02}
    found = combine_sessions([session(name, {"x": ms}) for name, ms in medians.items()])["x"]
    assert found.median_ms == pytest.approx(1.01)
    assert found.session_ids == ("s1", "s3")
    assert not found.suspect
    assert found.upper_ms < 1.15


def test_a_published_figure_that_is_served_twice_is_still_one() -> None:
    once, twice = (session(name, {"x": 1.0}) for name in ("s1", "s2"))
    served = [one.model_copy(update={"provenance": "published"}) for one in (once, twice)]
    assert combine_sessions(served) == combine_sessions(served[:1])
    assert combine_sessions(served)["x"].rel_sd == SINGLE_SESSION_REL_SD
    assert combine_sessions([once, twice])["x"].rel_sd < SINGLE_SESSION_REL_SD


def test_a_published_figure_is_held_against_no_anchors() -> None:
    told = {"provenance": "published", "reference_ms": {}}
    served = session("s1", {"x": 1.0}).model_copy(update=told)
    found = combine_sessions([served, session("s2", {"y": 2.0})])
    assert {name: (one.median_ms, one.suspect) for name, one in found.items()} == {
        "x": (1.0, False),
        "y": (2.0, False),
    }


def test_sessions_that_contradict_each_other_are_suspect() -> None:
    found = combine_sessions([session("s1", {"x": 1.0}), session("s2", {"x": 1.2})])["x"]
    assert found.median_ms == pytest.approx(1.1)
    assert found.suspect


def test_what_was_measured_beside_other_work_is_suspect() -> None:
    busy = {"conditions": Conditions(busy=1.5, too_busy=True)}
    sessions = [session(name, {"x": 1.0}).model_copy(update=busy) for name in ("s1", "s2")]
    assert combine_sessions(sessions)["x"].suspect
    assert not combine_sessions([sessions[0], session("s2", {"x": 1.0})])["x"].suspect


def test_a_first_session_that_was_slow_is_held_against_the_reference_of_the_last() -> None:
    slow = session("s1", {"x": 1.4}).model_copy(update={"reference_ms": {"anchor": 0.7}})
    found = combine_sessions([slow, session("s2", {"x": 1.0}), session("s3", {"x": 1.01})])["x"]
    assert found.median_ms == pytest.approx(1.005)
    assert found.session_ids == ("s2", "s3")
    assert not found.suspect


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 20, 300])
def test_the_quantile_is_that_of_students_t(freedom: int) -> None:
    assert student_95(freedom) == pytest.approx(scipy.stats.t.ppf(0.975, freedom), rel=3e-3)


@pytest.mark.parametrize("num_files", [1, 3, 20])
def test_intervals_hold_the_truth_as_often_as_they_say(num_files: int) -> None:
    """Sessions that differ by 2 %, twice each: with the normal quantile one file alone had 70 % for 95."""
    rng, inside = np.random.default_rng(num_files), []
    for _ in range(1_200 // num_files):
        medians = np.exp(rng.normal(0.0, 0.02, (2, num_files)))
        sessions = [
            session(name, {str(i): float(ms) for i, ms in enumerate(row)})
            for name, row in zip(("s1", "s2"), medians, strict=True)
        ]
        inside += [one.lower_ms <= 1.0 <= one.upper_ms for one in combine_sessions(sessions).values()]
    assert np.mean(inside) >= 0.94


def test_what_is_known_of_the_device_narrows_the_interval_of_one_file() -> None:
    sessions = [session("s1", {"x": 1.0}), session("s2", {"x": 1.01})]
    alone = combine_sessions(sessions)["x"]
    known = combine_sessions(sessions, known=KnownSpread(0.01, 20))["x"]
    # 21 degrees of freedom: 2.08; pooled of twenty at 1 % and the file's own 0.7 %.
    own = np.std([1.0, 1.01], ddof=1) / 1.005
    pooled = np.sqrt((20 * 0.01**2 + own**2) / 21)
    assert known.upper_ms == pytest.approx(1.005 * (1 + 2.08 * pooled / np.sqrt(2)), rel=1e-4)
    assert known.upper_ms < alone.upper_ms
    assert known.rel_sd == alone.rel_sd


def test_a_value_is_as_old_as_its_newest_session_and_settled_by_a_third_on_another_day() -> None:
    """The last one of all is outvoted: it makes the value no younger."""

    def at(day: int, name: str, median_ms: float = 1.0) -> SessionResult:
        began = f"2026-01-0{day}T08:00:00+00:00"
        return session(name, {"d": median_ms}).model_copy(update={"started_at": began})

    pair = (at(1, "a"), at(1, "b"))
    for sessions, day, settled in (
        (pair, 1, False),
        ((*pair, at(1, "c")), 1, False),
        ((*pair, at(2, "c")), 2, True),
        ((*pair, at(2, "c"), at(3, "d", 1.5)), 2, True),
        ((at(1, "a"), at(2, "b", 1.5)), 2, False),
    ):
        found = combine_sessions(sessions)["d"]
        assert (found.measured_at, found.settled) == (f"2026-01-0{day}T08:00:00+00:00", settled)


def test_no_sessions_give_nothing() -> None:
    assert combine_sessions([]) == {}


def test_of_the_tail_everything_is_of_the_tail_but_the_median() -> None:
    sessions = [session("s1", {"x": 1.0}, spread=0.02), session("s2", {"x": 1.2}, spread=0.02, scale=1.2)]
    sessions.append(session("s3", {"x": 1.1}, spread=0.02))
    found = combine_sessions(sessions, "p95")["x"]
    rel_sd = np.std([1.06, 1.06, 1.166], ddof=1) / 1.06
    assert found.median_ms == pytest.approx(1.0)
    assert found.value_ms == found.p95_ms == pytest.approx(1.06)
    assert found.rel_sd == pytest.approx(rel_sd)
    assert found.upper_ms == pytest.approx(1.08 * (1 + 4.303 * rel_sd / np.sqrt(3)))
    assert found.lower_ms == pytest.approx(1.04 / (1 + 4.303 * rel_sd / np.sqrt(3)))


def test_the_median_is_the_value_unless_something_else_is_asked_for() -> None:
    found = combine_sessions([session("s1", {"x": 1.0})])["x"]
    assert (found.value_ms, found.statistic, found.p95_ms) == (1.0, "median", None)
