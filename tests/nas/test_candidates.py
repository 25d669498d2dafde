from typing import NamedTuple

import numpy as np
import pytest

from nas.candidates import Candidates, Predictors, front_of, joined, within_reach
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError


class Values(NamedTuple):
    point: FloatArray
    lower: FloatArray
    upper: FloatArray


def interval(point: list[float], half: float) -> Values:
    middle = np.array(point)
    return Values(middle, middle - half, middle + half)


ACCURACY = [0.90, 0.80, 0.70, 0.60]
LATENCY = [4.0, 2.0, 3.0, 1.0]
ARCHS = np.array([[0], [1], [2], [3]])


def accuracy(archs: IntArray) -> Values:
    """Four networks, of which only the third is dominated (by the second), by far."""
    return interval([ACCURACY[i] for i in archs[:, 0]], 0.02)


def latency(archs: IntArray) -> Values:
    return interval([LATENCY[i] for i in archs[:, 0]], 0.1)


def predicted(**limits: float) -> Candidates:
    return Predictors({"accuracy": accuracy, "latency_ms": latency}, limits)(ARCHS)


def test_columns_follow_the_names_in_their_own_units() -> None:
    found = predicted()
    assert found.names == ("accuracy", "latency_ms")
    assert found.column("latency_ms").tolist() == LATENCY
    assert found.minimised()[:, 0].tolist() == [-value for value in ACCURACY]
    assert len(found) == 4


def test_exact_values_have_intervals_without_width() -> None:
    found = Predictors({"num_params": lambda archs: archs[:, 0].astype(np.float64)})(ARCHS)
    assert (
        found.lower.tolist() == found.point.tolist() == found.upper.tolist() == [[0.0], [1.0], [2.0], [3.0]]
    )


def test_limits_are_held_against_the_worst_case() -> None:
    found = predicted(latency_ms=2.0, accuracy=0.80)
    # Worst cases: accuracies .88 .78 .68 .58, latencies 4.1 2.1 3.1 1.1; shares of .80 and 2 that they miss.
    assert found.violations == pytest.approx([1.05, 0.025 + 0.05, 0.15 + 0.55, 0.275])
    # Best cases: accuracies .92 .82 .72 .62, latencies 3.9 1.9 2.9 0.9.
    assert found.best_case_violations == pytest.approx([0.95, 0.0, 0.1 + 0.45, 0.225])
    assert found.worst_case("accuracy") == pytest.approx([0.88, 0.78, 0.68, 0.58])
    assert found.worst_case("latency_ms") == pytest.approx([4.1, 2.1, 3.1, 1.1])


def test_the_front_is_sorted_by_latency_without_what_is_dominated_or_breaks_a_limit() -> None:
    assert front_of(predicted()).archs[:, 0].tolist() == [3, 1, 0]
    assert front_of(predicted(latency_ms=4.05)).archs[:, 0].tolist() == [3, 1]
    assert len(front_of(predicted(latency_ms=0.5))) == 0


def test_a_front_of_accuracy_alone_is_its_best() -> None:
    assert front_of(Predictors({"accuracy": accuracy})(ARCHS)).archs.tolist() == [[0]]


def test_what_an_interval_may_still_bring_to_the_front_is_within_reach() -> None:
    # The third is dominated in its best case (0.72, 2.9 ms) by the second in its worst (0.78, 2.1 ms).
    assert within_reach(predicted()).tolist() == [True, True, False, True]


def test_a_limit_inside_the_interval_may_be_kept() -> None:
    found = predicted(latency_ms=3.95)
    assert found.violations[0] > 0.0
    assert within_reach(found).tolist() == [True, True, False, True]
    assert within_reach(predicted(latency_ms=3.85)).tolist() == [False, True, False, True]


def test_nothing_is_ruled_out_where_nothing_surely_keeps_the_limits() -> None:
    # At most 0.95 ms: only the fastest may, in its best case of 0.9 ms.
    assert within_reach(predicted(latency_ms=0.95)).tolist() == [False, False, False, True]


def test_batches_are_joined_in_order_and_without_repetition() -> None:
    predict = Predictors({"accuracy": accuracy, "latency_ms": latency}, {"latency_ms": 2.0})
    everyone = joined([predict(ARCHS[[2, 0]]), predict(ARCHS[[0, 1]])])
    assert everyone.archs[:, 0].tolist() == [2, 0, 1]
    assert everyone.column("accuracy").tolist() == [0.70, 0.90, 0.80]
    assert everyone.violations == pytest.approx([0.55, 1.05, 0.05])


def test_predictors_of_limits_are_no_objectives() -> None:
    found = Predictors({"accuracy": accuracy}, {"latency_ms": 2.0}, {"latency_ms": latency})(ARCHS)
    assert found.names == ("accuracy", "latency_ms")
    assert found.minimised().shape == (4, 1)
    assert found.violations == pytest.approx([1.05, 0.05, 0.55, 0.0])


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"num_params": 1.0}, "missing_predictor"),
        ({"speed": 1.0}, "unknown_objective"),
        ({"latency_ms": float("inf")}, "invalid_limit"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, float], code: str) -> None:
    with pytest.raises(UsageError) as refused:
        predicted(**limits)
    assert refused.value.code == code
