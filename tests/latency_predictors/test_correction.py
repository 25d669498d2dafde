import numpy as np
import pytest

from latency_predictors.correction import Correction, Hull

CORRECTION = Correction(
    terms=("a", "b", "c"),
    a=0.5,
    b=0.2,
    c=0.01,
    level=0.9,
    half_width=0.1,
    hull=Hull(min_sum_ms=1.0, max_sum_ms=4.0, min_layers=5, max_layers=10),
    floor_ms=0.05,
    kind="table",
)


def test_the_point_is_the_formula() -> None:
    point = CORRECTION.point(np.array([2.0, 4.0]), np.array([5.0, 10.0]))
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05, 0.5 * 4 + 0.2 - 0.1])


def test_boundaries_are_subtracted_where_they_are_a_term() -> None:
    whole = CORRECTION.model_copy(update={"terms": ("a", "b", "c", "d"), "d": 0.3})
    point = whole.point(np.array([2.0]), np.array([5.0]), np.array([0.5]))
    assert point.tolist() == pytest.approx([0.5 * 2 + 0.2 - 0.05 - 0.15])


def test_a_term_is_never_forgotten() -> None:
    with pytest.raises(AssertionError, match="boundaries"):
        CORRECTION.model_copy(update={"d": 0.3}).point(np.array([2.0]), np.array([5.0]))


def test_nothing_is_predicted_below_the_floor() -> None:
    assert CORRECTION.point(np.array([0.01]), np.array([100.0])).tolist() == [0.05]


def test_the_interval_widens_outside_what_was_calibrated() -> None:
    sums = np.array([1.0, 4.0, 5.0, 0.8, 2.0, 2.0, 5.0])
    layers = np.array([5.0, 10.0, 7.0, 7.0, 12.5, 4.0, 12.5])
    # A quarter beyond, at either end and along either axis, doubles the width of 0.1; both add up.
    expected = [1.1, 1.1, 1.2, 1.2, 1.2, 1.2, 1.3]
    assert CORRECTION.factor(sums, layers).tolist() == pytest.approx(expected)


def test_float32_stays_float32() -> None:
    sums, layers = np.array([2.0], dtype=np.float32), np.array([5.0], dtype=np.float32)
    assert CORRECTION.point(sums, layers).dtype == CORRECTION.factor(sums, layers).dtype == np.float32


def test_the_arguments_are_left_as_they_were() -> None:
    sums, layers = np.array([2.0, 9.0]), np.array([5.0, 20.0])
    CORRECTION.point(sums, layers)
    CORRECTION.factor(sums, layers)
    assert sums.tolist() == [2.0, 9.0]
    assert layers.tolist() == [5.0, 20.0]


def test_json_gives_it_back() -> None:
    assert Correction.model_validate_json(CORRECTION.model_dump_json()) == CORRECTION
