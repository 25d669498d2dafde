"""The shift of accuracy between two precisions, against values worked out by hand."""

import numpy as np
import pytest

from nas.accuracy_predictor import fit
from nas.precision_shift import MIN_NETWORKS, PairedAnswers, PrecisionShift, ShiftedPredictor, fit_shift
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.sampling import random_architectures

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


def wrong(counts: list[int], num_images: int = 10) -> PairedAnswers:
    """Networks that get all images right, and after quantisation the first so many wrong."""
    before = np.ones((len(counts), num_images), dtype=bool)
    after = np.arange(num_images) >= np.array(counts)[:, None]
    return PairedAnswers(before, after)


SOME = wrong([1] * 18 + [3] * 2)


def test_a_shift_worked_out_by_hand() -> None:
    """Eighteen networks lose 0.1 and two 0.3: the mean is -0.12.

    Left out, 18 are off by 0.02 * 20 / 19 and two by 0.18 * 20 / 19. Of 20 the one of rank
    ceil(21 * 0.9) = 19 counts, which is one of the two. One flip of ten images has a variance
    of 0.09, three have 0.21.
    """
    found = fit_shift(SOME.before, SOME.after)
    assert found.mean == pytest.approx(-0.12)
    assert found.half_width == pytest.approx(0.18 * 20 / 19)
    assert found.counting == pytest.approx((18 * 0.09 + 2 * 0.21) / 20 / 10)
    assert (found.num_networks, found.num_images) == (20, 10)


def test_gains_count_as_losses_do() -> None:
    lost = fit_shift(SOME.before, SOME.after)
    gained = fit_shift(SOME.after, SOME.before)
    assert gained.mean == pytest.approx(-lost.mean)
    assert (gained.half_width, gained.counting) == (lost.half_width, lost.counting)


def test_nineteen_networks_say_too_little() -> None:
    few = wrong([1] * (MIN_NETWORKS - 1))
    with pytest.raises(UsageError, match="19 networks") as caught:
        few.fit(np.arange(10))
    assert caught.value.code == "too_few_networks"


def test_only_the_images_that_are_named_count() -> None:
    """The first image is wrong for all, the second for two networks, the last for none."""
    assert SOME.fit(np.array([0])).mean == pytest.approx(-1.0)
    assert SOME.fit(np.array([1, 9])).mean == pytest.approx(-0.05)
    assert SOME.fit(np.array([9])).mean == 0.0


def test_a_further_network_joins() -> None:
    more = SOME.with_network(np.ones(10, dtype=bool), np.zeros(10, dtype=bool))
    found = more.fit(np.arange(10))
    assert found.num_networks == 21
    assert found.mean == pytest.approx((20 * -0.12 - 1.0) / 21)
    assert SOME.before.shape == (20, 10)


def test_other_images_widen_the_interval_by_what_counting_leaves_open() -> None:
    """The variance of a mean of ten images is 0.0102, that of twenty others half of it."""
    shift = PrecisionShift(mean=-0.1, half_width=0.03, counting=0.0102, num_networks=20, num_images=10)
    elsewhere = (0.03**2 + 1.645**2 * 0.0102 * 1.5) ** 0.5
    assert shift.half_width_elsewhere(20, 0) == pytest.approx(elsewhere)
    # The same ten images: nothing of it is open.
    assert shift.half_width_elsewhere(10, 10) == pytest.approx(0.03)
    # Ten of the twenty are the same: 1 + (10 - 20) / 20 of it.
    half = (0.03**2 + 1.645**2 * 0.0102 * 0.5) ** 0.5
    assert shift.half_width_elsewhere(20, 10) == pytest.approx(half)


def archs_and_accuracies() -> tuple[IntArray, FloatArray]:
    """Thirty networks whose accuracy follows from their first choices, with a little noise."""
    rng = np.random.default_rng(3)
    archs = np.unique(random_architectures(SPACE, 60, rng), axis=0)[:30]
    values = 0.6 + 0.05 * archs[:, 0] + 0.02 * archs[:, 1] + rng.normal(0, 0.01, len(archs))
    return archs, np.clip(np.round(values * 200) / 200, 0.0, 1.0)


def test_intervals_add_in_squares_and_points_move() -> None:
    archs, accuracies = archs_and_accuracies()
    fp32 = fit(SPACE, archs, accuracies, 200)
    shift = PrecisionShift(mean=-0.03, half_width=0.02, counting=1e-4, num_networks=24, num_images=200)
    moved, plain = ShiftedPredictor(fp32, shift).predict(archs), fp32.predict(archs)
    np.testing.assert_allclose(moved.point, plain.point - 0.03)
    np.testing.assert_allclose((moved.point - moved.lower) ** 2, (plain.point - plain.lower) ** 2 + 0.02**2)
    np.testing.assert_allclose((moved.upper - moved.point) ** 2, (plain.upper - plain.point) ** 2 + 0.02**2)
    away, plain = (one.predict_elsewhere(archs, 400, 0) for one in (ShiftedPredictor(fp32, shift), fp32))
    squared = 0.02**2 + 1.645**2 * 1e-4 * 1.5
    np.testing.assert_allclose((away.point - away.lower) ** 2, (plain.point - plain.lower) ** 2 + squared)


def test_accuracies_stay_shares() -> None:
    archs, accuracies = archs_and_accuracies()
    fp32 = fit(SPACE, archs, accuracies, 200)
    for mean in (-2.0, 2.0):
        shift = PrecisionShift(mean=mean, half_width=0.5, counting=0.0, num_networks=24, num_images=200)
        found = ShiftedPredictor(fp32, shift).predict(archs)
        assert all(np.all((values >= 0) & (values <= 1)) for values in found)


def test_nine_of_ten_new_networks_lie_inside() -> None:
    """Shifts scatter evenly over 21 values: the interval of 24 networks holds nine in ten of the next."""
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(400):
        counts = rng.integers(0, 21, 25)
        answers = wrong([int(count) for count in counts], num_images=100)
        shift = fit_shift(answers.before[:24], answers.after[:24])
        inside.append(abs(-counts[24] / 100 - shift.mean) <= shift.half_width + 1e-12)
    assert 0.87 <= np.mean(inside) <= 0.97
