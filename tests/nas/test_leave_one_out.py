import numpy as np
import pytest

from nas.leave_one_out import STRENGTHS, fit_ridge
from search_spaces.base import FloatArray


def ridge_by_definition(
    features: FloatArray, values: FloatArray, weights: FloatArray, strength: float
) -> FloatArray:
    """Solve the normal equations of weighted ridge regression: intercept, then coefficients."""
    columns = np.column_stack([np.ones(len(features)), features])
    penalty = strength * np.diag([0.0] + [1.0] * features.shape[1])
    left, right = columns.T @ (weights[:, None] * columns) + penalty, columns.T @ (weights * values)
    return np.asarray(np.linalg.solve(left, right), dtype=np.float64)


@pytest.fixture
def problem() -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(25, 4))
    values = 3.0 + features @ [1.0, -2.0, 0.0, 0.5] + rng.normal(scale=0.5, size=25)
    return features, values, rng.uniform(0.2, 3.0, size=25)


def strength_used(features: FloatArray, values: FloatArray, weights: FloatArray) -> float:
    """Find the regularisation by trying all of them, each with 25 fits that leave one point out."""
    root = np.sqrt(weights)
    projection = np.eye(25) - np.outer(root, root) / weights.sum()
    centred = projection @ (root[:, None] * features @ features.T * root) @ projection
    strengths = STRENGTHS * np.linalg.eigvalsh(centred).mean()
    errors = [np.sum(weights * left_out(features, values, weights, strength) ** 2) for strength in strengths]
    return float(strengths[int(np.argmin(errors))])


def left_out(features: FloatArray, values: FloatArray, weights: FloatArray, strength: float) -> FloatArray:
    """Fit once without each point."""
    residuals = np.empty(len(values))
    for i in range(len(values)):
        kept = np.arange(len(values)) != i
        solution = ridge_by_definition(features[kept], values[kept], weights[kept], strength)
        residuals[i] = values[i] - solution[0] - features[i] @ solution[1:]
    return residuals


def test_residuals_are_those_of_fits_without_each_point(
    problem: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    features, values, weights = problem
    expected = left_out(*problem, strength_used(*problem))
    assert fit_ridge(features @ features.T, values, weights).residuals == pytest.approx(expected, abs=1e-9)


def test_the_fit_is_weighted_ridge_regression(problem: tuple[FloatArray, FloatArray, FloatArray]) -> None:
    features, values, weights = problem
    fit = fit_ridge(features @ features.T, values, weights)
    expected = ridge_by_definition(*problem, strength_used(*problem))
    assert fit.intercept == pytest.approx(expected[0])
    assert features.T @ fit.dual == pytest.approx(expected[1:])


def test_noise_alone_is_shrunk_to_its_mean() -> None:
    rng = np.random.default_rng(1)
    features, values = rng.normal(size=(60, 30)), rng.normal(size=60)
    fit = fit_ridge(features @ features.T, values, np.ones(60))
    assert fit.intercept == pytest.approx(values.mean(), abs=0.05)
    assert np.std(features @ features.T @ fit.dual) < 0.3 * np.std(values)


def test_a_kernel_of_zeros_gives_the_mean() -> None:
    fit = fit_ridge(np.zeros((4, 4)), np.array([1.0, 2.0, 3.0, 6.0]), np.ones(4))
    assert fit.intercept == pytest.approx(3.0)
    # Without the last point the mean is 2.
    assert fit.residuals[3] == pytest.approx(4.0)
