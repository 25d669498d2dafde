import json

import numpy as np
import pytest

from nas.accuracy_predictor import (
    AccuracyPredictor,
    AccuracyReport,
    conformal_quantile,
    fit,
    report_of_fit,
)
from search_spaces.base import FloatArray, IntArray
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.sampling import random_architectures

SPACE = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=1)


def true_accuracy(archs: IntArray) -> FloatArray:
    """Return accuracies of 0.55 to 0.98: effects that add up, one interaction, some of each network's own."""
    place = np.arange(archs.shape[1])
    odds = 0.5 + archs @ (0.05 + 0.13 * place % 0.19) + 0.2 * archs[:, 0] * archs[:, 1]
    accuracy: FloatArray = 1.0 / (1.0 + np.exp(-odds - 0.1 * np.sin(archs @ (place + 3.7))))
    return accuracy


def scored(archs: IntArray, num_images: int, seed: int) -> FloatArray:
    """Return accuracies as counted on images, shape (n,)."""
    counts = np.random.default_rng(seed).binomial(num_images, true_accuracy(archs))
    return counts / num_images


def sample(num_subnets: int, seed: int) -> IntArray:
    return np.unique(random_architectures(SPACE, num_subnets, np.random.default_rng(seed)), axis=0)


KNOWN = np.random.default_rng(0).permutation(sample(150, 0))


@pytest.fixture(scope="module")
def predictor() -> AccuracyPredictor:
    return fit(SPACE, KNOWN, scored(KNOWN, 2000, 0), 2000)


@pytest.fixture(scope="module")
def report() -> AccuracyReport:
    """How good that predictor is."""
    return report_of_fit(SPACE, KNOWN, scored(KNOWN, 2000, 0), 2000)


def test_new_subnets_are_ranked_and_predicted(predictor: AccuracyPredictor) -> None:
    archs = sample(2000, 1)
    predicted, truth = predictor.predict(archs).point, true_accuracy(archs)
    assert np.abs(predicted - truth).mean() < 0.013
    assert np.corrcoef(predicted, truth)[0, 1] > 0.97


def test_the_report_tells_what_new_subnets_confirm(
    predictor: AccuracyPredictor, report: AccuracyReport
) -> None:
    archs = sample(3000, 2)
    score = scored(archs, 2000, 2)
    error = np.abs(predictor.predict(archs).point - score).mean()
    assert report["mean_abs_error"] == pytest.approx(error, rel=0.25)
    assert report["spearman"] == pytest.approx(0.97, abs=0.03)
    assert report["kendall_tau"] == pytest.approx(0.86, abs=0.08)
    assert report["coverage"] == pytest.approx(0.9, abs=0.08)
    assert report["num_subnets"] == 150
    assert report["candidates"][report["model"]] == min(report["candidates"].values())


def test_intervals_hold_the_scores_of_new_subnets_nine_times_in_ten() -> None:
    archs = sample(1000, 3)
    shares = []
    for seed in range(12):
        known = np.random.default_rng(seed).permutation(sample(60, 100 + seed))
        found = fit(SPACE, known, scored(known, 400, seed), 400).predict(archs)
        score = scored(archs, 400, 200 + seed)
        shares.append(np.mean((found.lower <= score) & (score <= found.upper)))
    # Twelve calibration sets of 60: the mean of their coverages has a standard error of about 0.012.
    assert 0.86 <= np.mean(shares) <= 0.94


def on_shared_images(archs: IntArray, num_images: int, seed: int) -> FloatArray:
    """Return accuracies as counted on images that are easy or hard for all networks alike, shape (n,)."""
    ease = np.random.default_rng(seed).random(num_images)
    shares: FloatArray = (true_accuracy(archs)[:, None] > ease).mean(axis=1)
    return shares


def test_intervals_for_other_images_allow_for_a_sample_that_was_easy_or_hard() -> None:
    archs = sample(300, 3)
    here: list[float] = []
    elsewhere: list[float] = []
    same_images: list[float] = []
    for seed in range(60):
        known = np.random.default_rng(seed).permutation(sample(60, 100 + seed))
        found = fit(SPACE, known, on_shared_images(known, 250, seed), 250)
        score = on_shared_images(archs, 400, 1_000 + seed)
        for shares, predicted in (
            (here, found.predict(archs)),
            (elsewhere, found.predict_elsewhere(archs, 400)),
        ):
            shares.append(float(np.mean((predicted.lower <= score) & (score <= predicted.upper))))
        same, predicted = on_shared_images(archs, 250, seed), found.predict(archs)
        same_images.append(float(np.mean((predicted.lower <= same) & (same <= predicted.upper))))
    assert np.mean(same_images) > 0.85
    assert np.mean(here) < 0.8
    assert 0.86 <= np.mean(elsewhere) <= 0.98


def test_images_that_both_samples_share_narrow_the_interval(predictor: AccuracyPredictor) -> None:
    """Half of 4,000 images are those of the fit: the shift has a third of the variance it has with others."""
    archs = sample(50, 4)
    apart, partly, same = (
        predictor.predict_elsewhere(archs, num_images, num_shared)
        for num_images, num_shared in ((4_000, 0), (4_000, 2_000), (2_000, 2_000))
    )
    here = predictor.predict(archs)
    assert np.array_equal(same.upper, here.upper)
    widths = [one.upper - one.lower for one in (here, partly, apart)]
    assert np.all(widths[0] < widths[1])
    assert np.all(widths[1] < widths[2])
    if not predictor.scale.logistic:
        added = [width**2 - widths[0] ** 2 for width in widths[1:]]
        np.testing.assert_allclose(added[0] / added[1], 1 / 3, rtol=1e-6)


def test_predictions_stay_inside_their_intervals_and_inside_0_to_1(predictor: AccuracyPredictor) -> None:
    point, lower, upper = predictor.predict(sample(500, 4))
    assert np.all((lower >= 0.0) & (lower < point) & (point < upper) & (upper <= 1.0))


def test_the_report_is_plain_json(report: AccuracyReport) -> None:
    assert json.loads(json.dumps(dict(report), allow_nan=False)) == report


def test_subnets_that_are_all_alike_give_no_correlation_and_no_warning() -> None:
    archs = sample(30, 6)
    alike = np.full(len(archs), 0.8)
    predictor = fit(SPACE, archs, alike, 100)
    assert report_of_fit(SPACE, archs, alike, 100)["spearman"] is None
    assert predictor.predict(archs).point == pytest.approx(np.full(len(archs), 0.8), abs=1e-6)


def test_perfect_and_hopeless_subnets_are_no_trouble() -> None:
    archs = sample(40, 7)
    accuracies = (archs[:, 0] == 2).astype(np.float64)
    point = fit(SPACE, archs, accuracies, 50).predict(archs).point
    assert np.all(np.isfinite(point))
    assert np.all((point > 0.5) == (accuracies > 0.5))


def test_the_same_subnets_give_the_same_predictor() -> None:
    archs = sample(40, 8)
    first, again = (fit(SPACE, archs, scored(archs, 100, 8), 100) for _ in range(2))
    assert np.array_equal(first.predict(archs).point, again.predict(archs).point)


def test_too_few_subnets_are_refused() -> None:
    archs = sample(8, 9)
    with pytest.raises(UsageError, match="8 scored subnets; the accuracy predictor needs 10") as refused:
        fit(SPACE, archs, np.linspace(0.1, 0.9, len(archs)), 100)
    assert refused.value.code == "too_few_subnets"


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_values_that_are_no_accuracies_are_refused(wrong: float) -> None:
    archs = sample(20, 10)
    accuracies = np.full(len(archs), 0.5)
    accuracies[3] = wrong
    with pytest.raises(UsageError) as refused:
        fit(SPACE, archs, accuracies, 100)
    assert refused.value.code == "invalid_accuracy"


def test_the_quantile_has_the_rank_that_covers_a_new_score() -> None:
    # (19 + 1) * 0.9 = 18; (9 + 1) * 0.9 = 9; of three scores none is large enough, so the largest.
    assert conformal_quantile(np.arange(19.0)[::-1], 0.9) == 17.0
    assert conformal_quantile(np.arange(9.0), 0.9) == 8.0
    assert conformal_quantile(np.arange(3.0), 0.9) == 2.0
