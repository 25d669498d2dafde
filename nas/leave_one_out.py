"""Kernel ridge regression with an intercept, and its leave-one-out errors in closed form.

Ridge regression on features is the case where the kernel is their product; a Gaussian process with noise is
the case of any other kernel. One decomposition serves every strength of regularisation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from search_spaces.base import FloatArray

STRENGTHS: Final = np.geomspace(1e-4, 1e3, 29)
"""Regularisations tried, as multiples of the mean eigenvalue of the kernel; four to a factor of ten."""


@dataclass(frozen=True)
class RidgeFit:
    """A fit of y = intercept + k(x, x_i) dual_i.

    Attributes:
        intercept: The constant.
        dual: One coefficient for each training point, shape (m,).
        residuals: y_i less its prediction by the fit without point i, shape (m,).
    """

    intercept: float
    dual: FloatArray
    residuals: FloatArray


def fit_ridge(kernel: FloatArray, values: FloatArray, weights: FloatArray) -> RidgeFit:
    """Fit with the regularisation whose weighted leave-one-out error is smallest.

    The intercept is not penalised. The leave-one-out residual of a linear smoother with hat matrix H is
    (y_i - yhat_i) / (1 - H_ii), exactly (Hastie, Tibshirani and Friedman 2009, section 7.10).

    Args:
        kernel: Positive semidefinite, shape (m, m).
        values: Shape (m,).
        weights: Inverse variances, up to a factor; shape (m,).
    """
    root = np.sqrt(weights)
    scaled = kernel * root[:, None] * root[None, :]
    constant = root / np.linalg.norm(root)
    # The intercept takes the direction of the constant; what is penalised works in the rest of the space.
    rows = scaled - constant[:, None] * (constant @ scaled)
    centred = rows - (rows @ constant)[:, None] * constant[None, :]
    eigenvalues, vectors = np.linalg.eigh(centred)
    eigenvalues = np.maximum(eigenvalues, 0.0)
    target = root * values
    left = target - constant * (constant @ target)
    projected = vectors.T @ left
    strengths = STRENGTHS * (float(eigenvalues.mean()) or 1.0)
    shrinkage = eigenvalues[:, None] / (eigenvalues[:, None] + strengths[None, :])
    fitted = vectors @ (shrinkage * projected[:, None])
    leverage = constant[:, None] ** 2 + (vectors**2) @ shrinkage
    errors = (left[:, None] - fitted) / np.maximum(1.0 - leverage, 1e-9)
    best = int(np.argmin(np.sum(errors**2, axis=0)))
    dual_scaled = vectors @ (projected / (eigenvalues + strengths[best]))
    intercept = float(constant @ (target - scaled @ dual_scaled)) / float(np.linalg.norm(root))
    return RidgeFit(intercept, root * dual_scaled, errors[:, best] / root)
