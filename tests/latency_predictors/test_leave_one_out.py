import numpy as np
import pytest

from latency_predictors import leave_one_out as module
from latency_predictors.leave_one_out import MAX_FOLDS, fit_relative, folds, is_said_already, leave_one_out
from search_spaces.base import FloatArray


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
@pytest.mark.parametrize("num_terms", [1, 2, 4, 6])
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
    monkeypatch.setattr(module, "_MAX_PIVOTS", max_pivots)
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


@pytest.mark.parametrize(("difference", "expected"), [(0.0, True), (1e-4, True), (0.1, False)])
def test_a_column_is_said_already_where_others_nearly_add_up_to_it(difference: float, expected: bool) -> None:
    rng = np.random.default_rng(0)
    others = rng.uniform(0.5, 2.0, (30, 2))
    column = 1e6 * (others.sum(axis=1) + difference * rng.normal(size=30))
    assert is_said_already(column, others) is expected
    assert not is_said_already(-column, others)
    assert not is_said_already(column, others[:, :0])
    assert is_said_already(np.zeros(30), others)


def test_a_column_that_one_network_alone_has_is_fitted_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    matrix = np.stack([rng.uniform(0.5, 2.0, 12), np.arange(12) == 4], axis=1)
    measured = matrix @ [1.0, 0.5] * np.exp(rng.normal(0, 0.05, 12))
    expected, _ = one_by_one(matrix, measured)
    np.testing.assert_allclose(leave_one_out(matrix, measured), expected, rtol=1e-9)
