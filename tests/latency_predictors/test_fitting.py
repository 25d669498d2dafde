from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_predictors.correction import WIDEST, Correction
from latency_predictors.fitting import (
    UNCHECKED_HALF_WIDTH,
    design,
    fit_correction,
    regressors,
)
from latency_predictors.leave_one_out import leave_one_out
from search_spaces.base import FloatArray
from search_spaces.errors import UsageError
from tests.latency_predictors.invented import Invented, networks


def point_of(correction: Correction, of: Invented) -> FloatArray:
    """What a correction says of networks."""
    return correction.point(of.columns())


def fit(seen: Invented, *, level: float = 0.9, repeat_rel_sd: float = 0.0) -> Correction:
    """The correction of these networks."""
    return fit_correction(seen.columns(), seen.measured, level=level, repeat_rel_sd=repeat_rel_sd)


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
    correction = fit_correction(seen.columns("e"), seen.measured)
    assert "e" not in correction.terms
    assert (correction.e, correction.cache_mib) == (0.0, 0.0)


def test_terms_that_do_not_help_are_left_out() -> None:
    correction = fit(networks(np.random.default_rng(0), 12, a=0.8, b=0.0, c=0.0))
    assert correction.terms == ("a",)
    assert [correction.a, correction.b, correction.c, correction.d] == pytest.approx([0.8, 0.0, 0.0, 0.0])


def test_without_boundaries_their_term_is_not_tried() -> None:
    seen = networks(np.random.default_rng(0), 20, d=0.2)
    assert "d" in fit(seen).terms
    assert "d" not in fit_correction(seen.columns("d"), seen.measured).terms


def test_arithmetic_is_a_term_where_less_is_left_of_the_rest() -> None:
    seen = networks(np.random.default_rng(0), 24, a=0.2, b=0.01, c=0.0, f=17.0)
    correction = fit(seen)
    assert "f" in correction.terms
    assert [correction.a, correction.f] == pytest.approx([0.2, 17.0], rel=1e-4)
    np.testing.assert_allclose(point_of(correction, seen), seen.measured, rtol=1e-6)
    without = fit_correction(seen.columns("f"), seen.measured)
    assert without.f == 0.0
    assert without.half_width > 0.05 > correction.half_width


def test_a_term_that_others_say_already_is_not_tried() -> None:
    seen = networks(np.random.default_rng(0), 24, d=0.05, e=0.04, cache=0.5, noise=0.01)
    # As in cells, where weights are proportional to arithmetic.
    said = seen.columns() | {"f": 0.1 * (seen.touched - seen.boundary)}
    assert fit_correction(said, seen.measured).model_copy(update={"hull": None}) == fit_correction(
        seen.columns("f"), seen.measured
    ).model_copy(update={"hull": None})


def test_what_caches_do_not_keep_is_told_where_all_that_is_touched_says_nothing() -> None:
    # As in cells: what is touched is a sum of other columns, but what is beyond the caches is not.
    seen = networks(np.random.default_rng(1), 40, d=0.05)
    touched = 0.1 + 2.0 * seen.sums
    beyond = np.maximum(touched - 1.0, 0.0)
    assert 3 <= np.count_nonzero(beyond) <= 37
    columns = seen.columns("f") | {"e": touched}
    correction = fit_correction(columns, seen.measured + 0.1 * beyond)
    assert correction.terms == ("a", "b", "c", "d", "e")
    assert [correction.e, correction.cache_mib] == pytest.approx([0.1, 1.0], rel=1e-4)
    assert "e" not in fit_correction(columns, seen.measured + 0.1 * touched).terms


@pytest.mark.parametrize("m", [5, 6, 7, 24])
def test_of_networks_of_equal_length_the_layers_are_told_from_a_constant(m: int) -> None:
    # What a lone call adds to each layer is subtracted: no constant that is added does that.
    rng = np.random.default_rng(0)
    sums = rng.uniform(0.2, 1.0, m)
    measured = (sums - 0.008 * 20) * np.exp(rng.normal(0, 0.005, m))
    correction = fit_correction(regressors(sums, np.full(m, 20)), measured)
    assert correction.terms == ("a", "c")
    assert correction.half_width < 0.05


def test_coefficients_are_never_negative() -> None:
    # The truth has a negative constant, and layers that cost more inside a network: neither is in the model.
    correction = fit(networks(np.random.default_rng(0), 20, a=1.0, b=-0.02, c=-0.01, d=-0.1))
    assert min(correction.a, correction.b, correction.c, correction.d) >= 0.0


def test_errors_count_relative_to_the_network() -> None:
    # The two networks that are a hundred times slower do not decide alone.
    sums = np.array([1.0, 1.0, 100.0, 100.0])
    measured = sums * np.array([0.8, 0.8, 0.9, 0.9])
    correction = fit_correction(regressors(sums, np.full(4, 10)), measured)
    assert correction.a == pytest.approx((1 / 0.8 + 1 / 0.9) / (1 / 0.8**2 + 1 / 0.9**2))


@pytest.mark.parametrize("m", [0, 1, 2])
def test_fewer_than_three_networks_leave_the_bare_sum_labelled_and_wide(m: int) -> None:
    correction = fit(networks(np.random.default_rng(0), m))
    assert correction.kind == "modelled"
    assert correction.half_width == UNCHECKED_HALF_WIDTH
    at = regressors(np.array([0.3]), np.array([9.0]))
    assert correction.point(at).tolist() == [0.3]
    assert correction.factor(at).tolist() == [2.0]


def test_three_networks_give_a_table_value() -> None:
    assert fit(networks(np.random.default_rng(0), 3)).kind == "table"


def test_the_hull_has_the_range_of_all_that_is_known() -> None:
    seen = networks(np.random.default_rng(0), 20, d=0.2)
    known = fit(seen).hull
    assert known is not None
    assert (known.min_layers, known.max_layers) == (seen.layers.min(), seen.layers.max())
    assert known.boundary_mib == (seen.boundary.min(), seen.boundary.max())
    assert known.touched_mib == (seen.touched.min(), seen.touched.max())
    assert known.giga_macs == (seen.giga_macs.min(), seen.giga_macs.max())
    unknown = fit_correction(seen.columns("d", "e", "f"), seen.measured).hull
    assert unknown is not None
    assert (unknown.boundary_mib, unknown.touched_mib, unknown.giga_macs) == (None, None, None)


def test_what_touches_more_than_any_that_was_measured_has_a_wider_interval() -> None:
    seen = networks(np.random.default_rng(1), 40, d=0.05, e=0.04, cache=0.5, noise=0.01)
    correction = fit(seen)
    assert "e" in correction.terms
    columns = {term: np.full(2, np.median(column)) for term, column in seen.columns().items()}
    columns["e"] = np.array([1.0, 1.25]) * seen.touched.max()
    inside, beyond = correction.factor(columns) - 1.0
    assert inside == pytest.approx(correction.half_width)
    assert beyond == pytest.approx(2 * correction.half_width)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_values_that_are_not_positive_are_refused(bad: float) -> None:
    with pytest.raises(UsageError) as caught:
        fit_correction(regressors(np.array([1.0, 2.0, bad]), np.array([5, 5, 5])), np.array([1.0, 2.0, 3.0]))
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
    correction = fit_correction(regressors(sums, layers), measured)
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
        factor = correction.factor(new.columns())
        shares.append(((point / factor <= new.measured) & (new.measured <= point * factor)).mean())
    assert 0.87 <= np.mean(shares) <= 0.94


def test_the_interval_is_never_narrower_than_a_repeat() -> None:
    correction = fit(networks(np.random.default_rng(0), 20), repeat_rel_sd=0.02)
    assert correction.half_width == pytest.approx(1.645 * 0.02, rel=1e-3)


def test_networks_that_contradict_each_other_have_an_interval_that_is_a_number() -> None:
    seen = networks(np.random.default_rng(0), 4)
    wild = replace(seen, measured=np.array([1e-6, 1e6, 1e-6, 1e6]))
    assert fit(wild, level=0.999).half_width == pytest.approx(WIDEST)


def test_the_interval_is_that_of_the_chosen_form_alone() -> None:
    rng = np.random.default_rng(5)
    chosen = set()
    for _ in range(20):
        m = int(rng.integers(19, 70))
        seen = networks(rng, m, d=float(rng.choice([-0.1, 0.0, 0.1])), noise=0.03)
        correction = fit(seen)
        chosen.add(correction.terms)
        matrix = design(seen.columns(), correction.terms, correction.cache_mib)
        predicted = leave_one_out(matrix, seen.measured)
        residuals = np.sort(np.abs(np.log(seen.measured / predicted)))
        expected = np.expm1(residuals[int(np.ceil((m + 1) * 0.9 - 1e-9)) - 1])
        assert correction.half_width == pytest.approx(expected, rel=1e-8)
    assert len(chosen) > 2
