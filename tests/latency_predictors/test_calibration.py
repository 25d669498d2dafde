import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_predictors.calibration import (
    UNCHECKED_HALF_WIDTH,
    calibrate,
    error_report,
    fit_correction,
    form_errors,
    refit,
    spearman,
    spread_by_cost,
)
from latency_predictors.correction import CalibrationPoint
from search_spaces.base import FloatArray
from search_spaces.errors import UsageError

Networks = tuple[FloatArray, FloatArray, FloatArray]


def networks(
    rng: np.random.Generator,
    m: int,
    *,
    a: float = 0.93,
    b: float = 0.01,
    c: float = 0.004,
    noise: float = 0.0,
) -> Networks:
    """Sums, numbers of layers and latencies of networks that the model describes but for noise."""
    layers = rng.integers(6, 15, m).astype(np.float64)
    sums = np.exp(rng.uniform(np.log(0.1), np.log(0.6), m)) * layers / 10
    return sums, layers, (a * sums + b - c * layers) * np.exp(rng.normal(0, noise, m))


@settings(max_examples=40, deadline=None)
@given(a=st.floats(0.5, 1.5), b=st.floats(0.0, 0.05), c=st.floats(0.0, 0.003), seed=st.integers(0, 1000))
def test_known_coefficients_come_back(a: float, b: float, c: float, seed: int) -> None:
    sums, layers, measured = networks(np.random.default_rng(seed), 20, a=a, b=b, c=c)
    correction = fit_correction(sums, layers, measured)
    np.testing.assert_allclose(correction.point(sums, layers), measured, rtol=1e-6)
    assert correction.half_width < 1e-6
    if set(correction.terms) == {"a", "b", "c"}:
        assert [correction.a, correction.b, correction.c] == pytest.approx([a, b, c], rel=1e-5, abs=1e-7)


def test_terms_that_do_not_help_are_left_out() -> None:
    sums, layers, _ = networks(np.random.default_rng(0), 12)
    correction = fit_correction(sums, layers, 0.8 * sums)
    assert correction.terms == ("a",)
    assert [correction.a, correction.b, correction.c] == pytest.approx([0.8, 0.0, 0.0])


def test_coefficients_are_never_negative() -> None:
    sums, layers, _ = networks(np.random.default_rng(0), 20)
    # The truth has a negative constant and a positive cost a layer: neither is in the model.
    correction = fit_correction(sums, layers, sums - 0.02 + 0.01 * layers)
    assert min(correction.a, correction.b, correction.c) >= 0.0


def test_errors_count_relative_to_the_network() -> None:
    # The two networks that are a hundred times slower do not decide alone.
    sums = np.array([1.0, 1.0, 100.0, 100.0])
    correction = fit_correction(sums, np.full(4, 10), sums * np.array([0.8, 0.8, 0.9, 0.9]))
    assert correction.a == pytest.approx((1 / 0.8 + 1 / 0.9) / (1 / 0.8**2 + 1 / 0.9**2))


@pytest.mark.parametrize("m", [0, 1, 2])
def test_fewer_than_three_networks_leave_the_bare_sum_labelled_and_wide(m: int) -> None:
    sums, layers, measured = networks(np.random.default_rng(0), m)
    correction = fit_correction(sums, layers, measured)
    assert correction.kind == "modelled"
    assert correction.half_width == UNCHECKED_HALF_WIDTH
    at = np.array([0.3])
    assert correction.point(at, np.array([9.0])).tolist() == [0.3]
    assert correction.factor(at, np.array([9.0])).tolist() == [2.0]


def test_three_networks_give_a_table_value() -> None:
    assert fit_correction(*networks(np.random.default_rng(0), 3)).kind == "table"


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_values_that_are_not_positive_are_refused(bad: float) -> None:
    with pytest.raises(UsageError) as caught:
        fit_correction(np.array([1.0, 2.0, bad]), np.array([5, 5, 5]), np.array([1.0, 2.0, 3.0]))
    assert caught.value.code == "invalid_calibration"


@pytest.mark.parametrize(("m", "expected"), [(10, 10), (19, 18), (20, 19), (29, 27)])
def test_the_half_width_is_the_residual_of_the_finite_sample_rank(m: int, expected: int) -> None:
    # One term and equal sums: the leave-one-out prediction is the mean of the others,
    # weighted by 1 / t because errors are relative.
    rng = np.random.default_rng(1)
    measured = np.exp(rng.normal(0, 0.05, m))
    sums, layers = np.ones(m), np.full(m, 10)
    residuals = []
    for i in range(m):
        others = np.delete(measured, i)
        residuals.append(abs(np.log(measured[i] / ((1 / others).sum() / (1 / others**2).sum()))))
    correction = fit_correction(sums, layers, measured)
    assert correction.half_width == pytest.approx(np.exp(sorted(residuals)[expected - 1]) - 1)


def test_too_few_networks_widen_by_student() -> None:
    sums, layers, measured = networks(np.random.default_rng(3), 5, b=0.0, c=0.0, noise=0.03)
    narrow = fit_correction(sums, layers, measured, level=0.5)  # rank 3 of 5: no need to widen
    wide = fit_correction(sums, layers, measured, level=0.9)
    residuals = np.abs(np.log(measured / wide.point(sums, layers)))
    assert wide.half_width > 1.5 * residuals.max() > 0
    assert wide.half_width > narrow.half_width


@pytest.mark.parametrize("m", [10, 20])
def test_intervals_cover_new_networks_as_often_as_they_say(m: int) -> None:
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(150):
        correction = fit_correction(*networks(rng, m, noise=0.02))
        sums, layers, measured = networks(rng, 40, noise=0.02)
        point, factor = correction.point(sums, layers), correction.factor(sums, layers)
        shares.append(((point / factor <= measured) & (measured <= point * factor)).mean())
    assert 0.87 <= np.mean(shares) <= 0.94


def test_the_interval_is_never_narrower_than_a_repeat() -> None:
    correction = fit_correction(*networks(np.random.default_rng(0), 20), repeat_rel_sd=0.02)
    assert correction.half_width == pytest.approx(1.645 * 0.02, rel=1e-3)


def test_the_report_sets_the_forms_side_by_side() -> None:
    rng = np.random.default_rng(0)
    sums, layers, measured = networks(rng, 20, b=0.0, c=0.006, noise=0.01)
    report = error_report(sums, layers, measured, num_macs=1e6 * rng.uniform(1, 5, 20))
    assert report is not None
    assert report.corrected.mape < 0.02 < report.affine.mape < report.bare_sum.mape
    assert report.macs.mape > report.affine.mape
    assert report.corrected.within_5 >= 0.95
    assert report.bare_sum == form_errors(sums, measured)
    assert 0.7 <= report.coverage <= 1.0
    assert 0.005 < report.median_half_width < 0.06


def test_errors_are_counted_by_hand() -> None:
    errors = form_errors(np.array([1.1, 2.0, 2.7, 5.2]), np.array([1.0, 2.0, 3.0, 4.0]))
    assert errors.mape == pytest.approx((0.1 + 0.0 + 0.1 + 0.3) / 4)
    assert errors.median_error == pytest.approx(0.1)
    assert errors.within_5 == 0.25
    assert errors.spearman == pytest.approx(1.0)


def test_spearman_gives_ties_their_mean_rank() -> None:
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: correlation 4.5 / sqrt(4.5 * 5).
    assert spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(
        4.5 / np.sqrt(22.5)
    )
    assert spearman(np.ones(4), np.arange(4.0)) == 0.0


def points(m: int, seed: int = 0) -> list[CalibrationPoint]:
    sums, layers, measured = networks(np.random.default_rng(seed), m, noise=0.01)
    return [
        CalibrationPoint(
            digest=f"{seed}-{i}", sum_ms=s, num_layers=int(n), num_macs=1000 + i, measured_ms=t, rel_sd=0.005
        )
        for i, (s, n, t) in enumerate(zip(sums, layers, measured, strict=True))
    ]


def test_a_refit_keeps_old_networks_and_replaces_those_measured_again() -> None:
    first = calibrate(points(10))
    again = first.points[3].model_copy(update={"measured_ms": 99.0})
    second = refit(first, [again, *points(5, seed=1)])
    assert [point.digest for point in second.points] == [f"0-{i}" for i in range(10)] + [
        f"1-{i}" for i in range(5)
    ]
    assert second.points[3].measured_ms == 99.0
    assert second.report is not None
    assert second.report.num_networks == 15
    assert first.points[3].measured_ms != 99.0


def test_calibration_without_networks_is_the_bare_sum() -> None:
    correction = calibrate([])
    assert (correction.kind, correction.report, correction.points) == ("modelled", None, ())


def test_chosen_networks_span_the_costs() -> None:
    costs = np.exp(np.random.default_rng(0).normal(0, 1, 500))
    chosen = spread_by_cost(costs, 20, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 20
    picked = costs[chosen]
    assert (np.diff(picked) >= 0).all()
    assert (picked[0], picked[-1]) == (costs.min(), costs.max())
    steps = np.diff(np.log(picked))
    assert steps.max() < 3 * np.log(picked[-1] / picked[0]) / 19


def test_all_are_chosen_where_there_are_not_enough() -> None:
    chosen = spread_by_cost(np.array([3.0, 1.0, 2.0]), 10, np.random.default_rng(0))
    assert chosen.tolist() == [1, 2, 0]
