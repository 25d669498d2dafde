import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_predictors import fitting
from latency_predictors.correction import Correction
from latency_predictors.fitting import (
    MAX_FOLDS,
    UNCHECKED_HALF_WIDTH,
    design,
    fit_correction,
    fit_relative,
    folds,
    leave_one_out,
    regressors,
)
from search_spaces.base import FloatArray
from search_spaces.errors import UsageError
from tests.latency_predictors.invented import Invented, networks


def point_of(correction: Correction, of: Invented) -> FloatArray:
    """What a correction says of networks."""
    return correction.point(of.sums, of.layers, of.boundary, of.touched)


def fit(seen: Invented, *, level: float = 0.9, repeat_rel_sd: float = 0.0) -> Correction:
    """The correction of these networks."""
    return fit_correction(
        seen.sums,
        seen.layers,
        seen.measured,
        boundary_mib=seen.boundary,
        touched_mib=seen.touched,
        level=level,
        repeat_rel_sd=repeat_rel_sd,
    )


@settings(max_examples=40, deadline=None)
@given(
    a=st.floats(0.5, 1.5),
    b=st.floats(0.0, 0.05),
    c=st.floats(0.0, 0.003),
    d=st.floats(0.0, 0.1),
    seed=st.integers(0, 1000),
)
def test_known_coefficients_come_back(a: float, b: float, c: float, d: float, seed: int) -> None:
    seen = networks(np.random.default_rng(seed), 20, a=a, b=b, c=c, d=d)
    correction = fit(seen)
    np.testing.assert_allclose(point_of(correction, seen), seen.measured, rtol=1e-6)
    assert correction.half_width < 1e-6
    if set(correction.terms) == {"a", "b", "c", "d"}:
        found = [correction.a, correction.b, correction.c, correction.d]
        assert found == pytest.approx([a, b, c, d], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("cache", [0.0, 0.5, 1.0])
def test_what_caches_keep_is_found(cache: float) -> None:
    seen = networks(np.random.default_rng(1), 40, d=0.05, e=0.04, cache=cache)
    correction = fit(seen)
    assert correction.terms == ("a", "b", "c", "d", "e")
    assert [correction.e, correction.cache_mib] == pytest.approx([0.04, cache], rel=1e-4)
    np.testing.assert_allclose(point_of(correction, seen), seen.measured, rtol=1e-6)


def test_weights_of_two_networks_alone_say_nothing_of_caches() -> None:
    seen = networks(np.random.default_rng(2), 20, e=0.5, cache=2.0, noise=0.01)
    few = np.sort(seen.touched)[-3]
    correction = fit(seen)
    assert "e" not in correction.terms or correction.cache_mib < few


def test_without_weights_their_term_is_not_tried() -> None:
    seen = networks(np.random.default_rng(1), 40, e=0.04, cache=0.25)
    correction = fit_correction(seen.sums, seen.layers, seen.measured, boundary_mib=seen.boundary)
    assert "e" not in correction.terms
    assert (correction.e, correction.cache_mib) == (0.0, 0.0)


def test_terms_that_do_not_help_are_left_out() -> None:
    correction = fit(networks(np.random.default_rng(0), 12, a=0.8, b=0.0, c=0.0))
    assert correction.terms == ("a",)
    assert [correction.a, correction.b, correction.c, correction.d] == pytest.approx([0.8, 0.0, 0.0, 0.0])


def test_without_boundaries_their_term_is_not_tried() -> None:
    seen = networks(np.random.default_rng(0), 20, d=0.2)
    assert "d" in fit(seen).terms
    assert "d" not in fit_correction(seen.sums, seen.layers, seen.measured).terms


def test_coefficients_are_never_negative() -> None:
    # The truth has a negative constant, and layers that cost more inside a network: neither is in the model.
    correction = fit(networks(np.random.default_rng(0), 20, a=1.0, b=-0.02, c=-0.01, d=-0.1))
    assert min(correction.a, correction.b, correction.c, correction.d) >= 0.0


def test_errors_count_relative_to_the_network() -> None:
    # The two networks that are a hundred times slower do not decide alone.
    sums = np.array([1.0, 1.0, 100.0, 100.0])
    correction = fit_correction(sums, np.full(4, 10), sums * np.array([0.8, 0.8, 0.9, 0.9]))
    assert correction.a == pytest.approx((1 / 0.8 + 1 / 0.9) / (1 / 0.8**2 + 1 / 0.9**2))


@pytest.mark.parametrize("m", [0, 1, 2])
def test_fewer_than_three_networks_leave_the_bare_sum_labelled_and_wide(m: int) -> None:
    correction = fit(networks(np.random.default_rng(0), m))
    assert correction.kind == "modelled"
    assert correction.half_width == UNCHECKED_HALF_WIDTH
    at = np.array([0.3])
    assert correction.point(at, np.array([9.0])).tolist() == [0.3]
    assert correction.factor(at, np.array([9.0])).tolist() == [2.0]


def test_three_networks_give_a_table_value() -> None:
    assert fit(networks(np.random.default_rng(0), 3)).kind == "table"


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
    seen = networks(np.random.default_rng(3), 5, b=0.0, c=0.0, noise=0.03)
    narrow = fit(seen, level=0.5)  # rank 3 of 5: no need to widen
    wide = fit(seen, level=0.9)
    residuals = np.abs(np.log(seen.measured / point_of(wide, seen)))
    assert wide.half_width > 1.5 * residuals.max() > 0
    assert wide.half_width > narrow.half_width


@pytest.mark.parametrize("m", [10, 20])
def test_intervals_cover_new_networks_as_often_as_they_say(m: int) -> None:
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(150):
        correction = fit(networks(rng, m, noise=0.02))
        new = networks(rng, 40, noise=0.02)
        point = point_of(correction, new)
        factor = correction.factor(new.sums, new.layers)
        shares.append(((point / factor <= new.measured) & (new.measured <= point * factor)).mean())
    assert 0.87 <= np.mean(shares) <= 0.94


def test_the_interval_is_never_narrower_than_a_repeat() -> None:
    correction = fit(networks(np.random.default_rng(0), 20), repeat_rel_sd=0.02)
    assert correction.half_width == pytest.approx(1.645 * 0.02, rel=1e-3)


@pytest.mark.parametrize("m", [0, 1, 7, MAX_FOLDS, MAX_FOLDS + 1, 3 * MAX_FOLDS + 5])
def test_each_network_is_left_out_once(m: int) -> None:
    found = folds(m)
    left_out = np.concatenate([positions for positions, _ in found]) if found else np.empty(0)
    assert sorted(left_out.tolist()) == list(range(m))
    for positions, kept in found:
        assert not kept[positions].any()
        assert kept.sum() == m - len(positions)
    assert len(found) == min(m, MAX_FOLDS)


def one_by_one(matrix: FloatArray, measured: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The prediction of each network by a fit on others, (m,), and the fits, (folds, terms)."""
    predicted, fits = np.empty(len(measured)), []
    for left_out, kept in folds(len(measured)):
        fits.append(fit_relative(matrix[kept], measured[kept]))
        predicted[left_out] = matrix[left_out] @ fits[-1]
    return predicted, np.array(fits)


@pytest.mark.parametrize("m", [2, 3, 9, MAX_FOLDS, 3 * MAX_FOLDS + 5])
@pytest.mark.parametrize("num_terms", [1, 2, 4, 5])
def test_folds_fitted_at_once_are_as_fitted_one_by_one(m: int, num_terms: int) -> None:
    rng = np.random.default_rng(m)
    seen_zeros = []
    for _ in range(10):
        matrix = rng.uniform(0.1, 1.0, (m, num_terms)) * 10.0 ** rng.uniform(-3, 3, num_terms)
        measured = (
            matrix @ (rng.uniform(0.0, 1.0, num_terms) / matrix.mean(axis=0)) * rng.uniform(0.5, 2.0, m)
        )
        expected, fits = one_by_one(matrix, measured)
        np.testing.assert_allclose(leave_one_out(matrix, measured), expected, rtol=1e-9)
        seen_zeros += (fits == 0.0).any(axis=1).tolist()
    if num_terms > 2 and m > num_terms:
        assert any(seen_zeros)
        assert not all(seen_zeros) or m < MAX_FOLDS


@pytest.mark.parametrize("max_pivots", [1, 2])
def test_folds_that_are_not_settled_in_time_are_fitted_by_themselves(
    max_pivots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "_MAX_PIVOTS", max_pivots)
    rng = np.random.default_rng(0)
    matrix = rng.uniform(0.1, 1.0, (20, 5))
    measured = matrix.sum(axis=1) * rng.uniform(0.3, 3.0, 20)
    expected, _ = one_by_one(matrix, measured)
    np.testing.assert_allclose(leave_one_out(matrix, measured), expected, rtol=1e-9)


@pytest.mark.parametrize("difference", [0.0, 1e-12, 1e-4])
def test_collinear_columns_are_fitted_as_one_by_one(difference: float) -> None:
    rng = np.random.default_rng(0)
    first, other = rng.uniform(0.5, 2.0, (2, 30))
    matrix = np.stack([first, other, 3.0 * first + difference * rng.normal(size=30), np.zeros(30)], axis=1)
    measured = (first + other) * np.exp(rng.normal(0, 0.05, 30))
    expected, _ = one_by_one(matrix, measured)
    np.testing.assert_allclose(leave_one_out(matrix, measured), expected, rtol=1e-9)


def test_a_column_that_one_network_alone_has_is_fitted_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    matrix = np.stack([rng.uniform(0.5, 2.0, 12), np.arange(12) == 4], axis=1)
    measured = matrix @ [1.0, 0.5] * np.exp(rng.normal(0, 0.05, 12))
    expected, _ = one_by_one(matrix, measured)
    np.testing.assert_allclose(leave_one_out(matrix, measured), expected, rtol=1e-9)


def test_the_interval_is_that_of_the_chosen_form_alone() -> None:
    rng = np.random.default_rng(5)
    chosen = set()
    for _ in range(20):
        m = int(rng.integers(19, 70))
        seen = networks(rng, m, d=float(rng.choice([-0.1, 0.0, 0.1])), noise=0.03)
        correction = fit(seen)
        chosen.add(correction.terms)
        columns = regressors(seen.sums, seen.layers, seen.boundary, seen.touched)
        matrix = design(columns, correction.terms, correction.cache_mib)
        predicted, _ = one_by_one(matrix, seen.measured)
        residuals = np.sort(np.abs(np.log(seen.measured / predicted)))
        expected = np.expm1(residuals[int(np.ceil((m + 1) * 0.9 - 1e-9)) - 1])
        assert correction.half_width == pytest.approx(expected, rel=1e-8)
    assert len(chosen) > 2
