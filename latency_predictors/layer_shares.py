"""What single layers cost inside networks, beside what the terms of the correction say of all alike.

A layer in a network is fused, laid out and fetched in ways of its own: one with squeeze and excite may take
5 % more than alone, another one less. With P_ij the milliseconds that layer j adds to the sum of network i,
and terms A q as in `fitting`,

    t_i = A_i q + sum_j P_ij s_j,        P scaled so that a network's parts are its latency on average,

errors of t_i being relative and of one size, and s_j random with a variance of `ratio` times theirs: most
layers behave like the others, and a network says little of each of its twenty layers. The best linear
unbiased prediction under that (Henderson, Biometrics 31, 1975) is generalised least squares for q, here
non-negative, and ridge regression (Hoerl and Kennard, Technometrics 12, 1970) of what it leaves over for s. A
layer that no network has keeps s = 0. How large the ratio is, and whether there are shares at all, is decided
by leave-one-out, whose errors a linear prediction tells without fitting again.

Shapes: m networks, k layers, r terms.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import scipy
from numpy.typing import NDArray

from latency_predictors.correction import CalibrationPoint
from search_spaces.base import FloatArray, IntArray

_RATIOS: Final = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Of the variances, tried from few shares of their own to many."""

_LEAST_SHARE: Final = -0.9
"""No layer is said to take less than a tenth of what it takes alone."""


@dataclass(frozen=True)
class LayerParts:
    """What each layer adds to the sums of networks.

    Attributes:
        keys: Of the layers, as the points have them, (k,).
        ms: (m, k).
    """

    keys: tuple[str, ...]
    ms: FloatArray

    @classmethod
    def of(cls, points: Sequence[CalibrationPoint]) -> Self | None:
        """Return the parts of networks; None where some were stored without."""
        if not all(point.layer_ms for point in points):
            return None
        keys = tuple(sorted({key for point in points for key in point.layer_ms}))
        ms = np.array([[point.layer_ms.get(key, 0.0) for key in keys] for point in points])
        return cls(keys, ms.reshape(len(points), len(keys)))

    def of_rows(self, chosen: IntArray | NDArray[np.bool_]) -> Self:
        """Return the parts of some of the networks."""
        return type(self)(self.keys, self.ms[chosen])

    def added_ms(self, shares: Mapping[str, float]) -> FloatArray:
        """Return what shares add to the sums, (m,)."""
        added: FloatArray = self.ms @ np.array([shares.get(key, 0.0) for key in self.keys])
        return added


@dataclass(frozen=True)
class SharedFit:
    """A fit of terms and shares.

    Attributes:
        coefficients: Of the terms, (r,).
        shares: Of layers by their keys, relative to what `a` leaves of each.
        residuals: |log residual| of each network by the others, (m,).
    """

    coefficients: FloatArray
    shares: dict[str, float]
    residuals: FloatArray


def fit_shares(matrix: FloatArray, measured: FloatArray, parts: LayerParts) -> SharedFit | None:
    """Return the fit whose ratio has the least leave-one-out error; None where a layer's time says nothing.

    Args:
        matrix: Design of the terms, a first, (m, r).
        measured: Latencies, (m,).
        parts: What each layer adds to each sum.
    """
    rows, relative = matrix / measured[:, np.newaxis], parts.ms / measured[:, np.newaxis]
    scale = float(relative.sum(axis=1).mean())
    fits = [_fitted(rows, relative / scale, ratio) for ratio in _RATIOS]
    possible = [fit for fit in fits if fit[0][0] > 0.0]
    if not possible:
        return None
    coefficients, effects, residuals = min(possible, key=lambda fit: float(fit[2].mean()))
    shares = np.maximum(effects / (scale * coefficients[0]), _LEAST_SHARE)
    return SharedFit(coefficients, dict(zip(parts.keys, shares.tolist(), strict=True)), residuals)


def _fitted(rows: FloatArray, parts: FloatArray, ratio: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return coefficients, (r,), effects of layers, (k,), and |log residuals| by the others, (m,).

    Args:
        rows: Of the design, over the latencies, which so are all 1, (m, r).
        parts: Of the sums, likewise, (m, k).
        ratio: Variance of the effects in those of the errors.
    """
    ones = np.ones(len(rows))
    covariance = np.eye(len(rows)) + ratio * parts @ parts.T
    factor = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    white = scipy.linalg.solve_triangular(factor, np.column_stack([rows, ones]), lower=True)
    coefficients, _ = scipy.optimize.nnls(white[:, :-1], white[:, -1])
    weights = scipy.linalg.cho_solve((factor, True), ones - rows @ coefficients)
    effects = ratio * parts.T @ weights
    predicted = 1.0 - _left_out_errors(factor, rows[:, coefficients > 0.0])
    return coefficients, effects, np.abs(np.log(np.maximum(predicted, np.finfo(float).tiny)))


def _left_out_errors(factor: FloatArray, rows: FloatArray) -> FloatArray:
    """Return by how much each network misses what the others predict of it, as a share of it, (m,).

    With M = V^-1 - V^-1 A (A' V^-1 A)^-1 A' V^-1 it is (M y)_i / M_ii, y being all ones (Christensen,
    Pearson and Johnson, Technometrics 34, 1992).
    """
    inverse = scipy.linalg.cho_solve((factor, True), np.eye(len(rows)))
    hidden = inverse @ rows
    left = inverse - hidden @ np.linalg.pinv(rows.T @ hidden) @ hidden.T
    errors: FloatArray = left.sum(axis=1) / np.maximum(np.diag(left), np.finfo(float).tiny)
    return errors
