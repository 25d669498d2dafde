"""What single layers cost inside networks, beside what the terms of the correction say of all alike.

A layer in a network is fused, laid out and fetched in ways of its own: one with squeeze and excite may take
5 % more than alone, another one less. With P_ij the milliseconds that layer j adds to the sum of network i,
and terms A q as in `fitting`,

    t_i = A_i q + sum_j P_ij s_j,        P scaled so that a network's parts are its latency on average,

errors of t_i being relative and of one size, and s_j random with a variance of `ratio` times theirs: most
layers behave like the others, and a network says little of each of its twenty layers. The best linear
unbiased prediction under that (Henderson, Biometrics 31, 1975) is generalised least squares for q, here
non-negative, and ridge regression (Hoerl and Kennard, Technometrics 12, 1970) of what it leaves over for s. A
layer that no network has keeps s = 0, one of few networks hardly moves: it may be off by as much as shares
differ. How large the ratio is, and whether there are shares at all, is decided by leave-one-out, whose errors
a linear prediction tells without fitting again.

Shapes: m networks, k layers, r terms.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Self, final

import numpy as np
import scipy
from numpy.typing import NDArray

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Columns, Term
from latency_predictors.leave_one_out import NOTICEABLE
from search_spaces.base import FloatArray, IntArray

MIN_SHARED: Final = 40
"""Networks from which on single layers may have shares of their own.

The first ones are designed, to tell terms apart. What those that are left out say of shares holds for them
and not for others: intervals of 90 % from 24 such networks had 63 to 95 % of others in them.
"""

WELL_KNOWN_FROM: Final = 3
"""Networks from which on a layer's share is relied on: one alone hardly moves it."""

_RATIOS: Final = (0.3, 1.0, 3.0, 10.0, 30.0)
"""Of the variances, tried from few shares of their own to many."""

_LEAST_SHARE: Final = -0.9
"""A fit in which a layer takes less than a tenth of what it takes alone, beside a, means something else."""

_TINY: Final = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True)
class LayerParts:
    """What each layer adds to the sums of networks.

    Attributes:
        keys: Of the layers, as the points have them, (k,).
        ms: (m, k); nothing where a point does not say.
    """

    keys: tuple[str, ...]
    ms: FloatArray

    @classmethod
    def of(cls, points: Sequence[CalibrationPoint]) -> Self:
        """Return the parts of networks."""
        keys = tuple(sorted({key for point in points for key in point.layer_ms}))
        ms = np.array([[point.layer_ms.get(key, 0.0) for key in keys] for point in points])
        return cls(keys, ms.reshape(len(points), len(keys)))

    @classmethod
    def for_shares(cls, points: Sequence[CalibrationPoint]) -> Self | None:
        """Return the parts of networks where shares can be learnt: they are known of all, and enough."""
        known = len(points) >= MIN_SHARED and all(point.layer_ms for point in points)
        return cls.of(points) if known else None

    def of_rows(self, chosen: IntArray | NDArray[np.bool_]) -> Self:
        """Return the parts of some of the networks."""
        return type(self)(self.keys, self.ms[chosen])

    def added_ms(self, shares: Mapping[str, float]) -> FloatArray:
        """Return what shares add to the sums, (m,)."""
        added: FloatArray = self.ms @ np.array([shares.get(key, 0.0) for key in self.keys])
        return added

    def unseen_ms(self, well_known: AbstractSet[str], sums_ms: FloatArray) -> FloatArray:
        """Return what all but some layers add to the sums: all of it where a point does not say, (m,).

        Args:
            well_known: Layers to leave out.
            sums_ms: The sums, (m,).
        """
        unseen = self.ms @ np.array([float(key not in well_known) for key in self.keys])
        return np.where(self.ms.any(axis=1), unseen, sums_ms)

    def seldom(self) -> tuple[str, ...]:
        """Return layers that some of the networks have, but too few."""
        some = (self._num_networks > 0) & (self._num_networks < WELL_KNOWN_FROM)
        return tuple(self.keys[j] for j in np.flatnonzero(some))

    def seldom_ms(self) -> FloatArray:
        """Return what layers that too few others of the networks have add to each one's sum, (m,)."""
        too_few: FloatArray = self.ms[:, self._num_networks <= WELL_KNOWN_FROM].sum(axis=1)
        return too_few

    @property
    def _num_networks(self) -> IntArray:
        having: IntArray = (self.ms > 0.0).sum(axis=0)
        return having

    def shared(self, columns: Columns, shares: Mapping[str, float]) -> dict[Term, FloatArray]:
        """Return columns whose sums have the shares of layers in them."""
        return {**columns, "a": columns["a"] + self.added_ms(shares)}


@dataclass(frozen=True)
class SharedFit:
    """A fit of terms and shares.

    Attributes:
        coefficients: Of the terms, (r,).
        shares: Of the networks' layers by their keys, relative to what `a` leaves of each.
        residuals: |log residual| of each network by the others, (m,).
        share_sd: How much shares differ before they are shrunk, as a standard deviation.
    """

    coefficients: FloatArray
    shares: dict[str, float]
    residuals: FloatArray
    share_sd: float = 0.0


def fit_shares(matrix: FloatArray, measured: FloatArray, parts: LayerParts) -> SharedFit | None:
    """Return the fit whose ratio has the least leave-one-out error.

    None where none makes sense, or none has a noticeably lower error than layers that are all alike.

    Args:
        matrix: Design of the terms, a first, (m, r).
        measured: Latencies, (m,).
        parts: What each layer adds to each sum.
    """
    rows, relative = matrix / measured[:, np.newaxis], parts.ms / measured[:, np.newaxis]
    scale = float(relative.sum(axis=1).mean())
    effects = _Effects(rows, relative / scale)
    _, _, alike = effects.fitted(0.0)
    best: SharedFit | None = None
    least_error = (1.0 - NOTICEABLE) * alike.mean()
    for ratio in _RATIOS:
        coefficients, found, residuals = effects.fitted(ratio)
        least = _LEAST_SHARE * scale * coefficients[0]
        better = residuals.mean() < least_error
        if better and coefficients[0] > 0.0 and (found >= least).all():
            unit = scale * float(coefficients[0])
            shares = {parts.keys[j]: float(found[j] / unit) for j in np.flatnonzero(parts.ms.any(axis=0))}
            share_sd = effects.effect_sd(ratio, coefficients) / unit
            best, least_error = SharedFit(coefficients, shares, residuals, share_sd), residuals.mean()
    return best


@final
class _Effects:
    """Fits of one set of networks with any ratio, by one decomposition.

    With P = U S W', the inverse of the covariance V = I + ratio P P' is I - U diag(d) U'.

    Args:
        rows: Of the design, over the latencies, which so are all 1, (m, r).
        parts: Of the sums, likewise, (m, k).
    """

    def __init__(self, rows: FloatArray, parts: FloatArray) -> None:
        self._rows, self._parts = rows, parts
        self._left, singular, _ = np.linalg.svd(parts, full_matrices=False)
        self._squares = singular**2

    def fitted(self, ratio: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return coefficients, (r,), effects of layers, (k,), and |log residuals| by the others, (m,)."""
        gain = 1.0 + ratio * self._squares
        white = self._without(np.column_stack([self._rows, np.ones(len(self._rows))]), 1.0 - gain**-0.5)
        coefficients, _ = scipy.optimize.nnls(white[:, :-1], white[:, -1])
        weights = self._without(1.0 - self._rows @ coefficients, 1.0 - 1.0 / gain)
        predicted = 1.0 - self._left_out_errors(self._rows[:, coefficients > 0.0], 1.0 - 1.0 / gain)
        effects = ratio * self._parts.T @ weights
        return coefficients, effects, np.abs(np.log(np.maximum(predicted, _TINY)))

    def effect_sd(self, ratio: float, coefficients: FloatArray) -> float:
        """Return how much effects of layers differ, as a standard deviation: as errors do, and the ratio."""
        left = 1.0 - self._rows @ coefficients
        squares = float(left @ self._without(left, 1.0 - 1.0 / (1.0 + ratio * self._squares)))
        return math.sqrt(ratio * squares / max(len(left) - int(np.count_nonzero(coefficients)), 1))

    def _without(self, values: FloatArray, share: FloatArray) -> FloatArray:
        """Return values, (m,) or (m, n), less a share of what lies along each left vector."""
        left: FloatArray = values - self._left @ (share * (self._left.T @ values).T).T
        return left

    def _left_out_errors(self, rows: FloatArray, share: FloatArray) -> FloatArray:
        """Return by how much each network misses what the others predict of it, as a share of it, (m,).

        With M = V^-1 - V^-1 A (A' V^-1 A)^-1 A' V^-1 it is (M y)_i / M_ii, y being all ones (Christensen,
        Pearson and Johnson, Technometrics 34, 1992).
        """
        hidden = self._without(rows, share)
        inner = np.linalg.pinv(rows.T @ hidden)
        ones = np.ones(len(rows))
        missed = self._without(ones, share) - hidden @ (inner @ (hidden.T @ ones))
        own = 1.0 - self._left**2 @ share - np.einsum("mr,rs,ms->m", hidden, inner, hidden)
        errors: FloatArray = missed / np.maximum(own, _TINY)
        return errors
