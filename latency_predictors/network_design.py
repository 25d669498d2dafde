"""Which networks to measure when only a few can be: designed ones for the fit, drawn ones for the interval.

A linear model is best fitted on networks that tell its coefficients apart. The designed ones are the cheapest
and the dearest, then those that minimise the mean variance of the predictions over all candidates: the I- or
V-optimal design of linear regression (Fedorov, *Theory of Optimal Experiments*, 1972; Atkinson and Donev,
*Optimum Experimental Designs*, 1992), found by adding the best one at a time and then exchanging one at a
time (Fedorov's exchange, in the form of Cook and Nachtsheim, Technometrics 22, 1980).

Such a design trusts its model: it looks at the ends only, and where latency is not linear the middle then
comes out wrong (Box and Draper, JASA 54, 1959). So products of features stand in the design as *potential*
terms, which may be there and are expected to be small; they bring the design back to the middle (DuMouchel
and Jones, Technometrics 36, 1994). They are no part of the fit.

Nothing has been measured by then, so a network's latency, which weighs errors, is guessed: every feature is
taken to cost as much time as every other on the average candidate.

Designed networks are unlike those that somebody will ask about. What conformal intervals promise holds for
networks that are drawn as the calibration networks were (Vovk et al. 2005), so some are drawn at random from
the candidates, after the design and without looking at it: theirs are the errors that an interval is made of.

A table is corrected with networks of every size, one of each stratum of the sum. Within its stratum it is
the one that tells the correction's coefficients apart best (`telling_apart`): large networks mostly have many
weights and large activations at once, and what either costs is learnt from those that have one of them.

Shapes: n candidates, p features, r regressors.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

MIN_NETWORKS: Final = 6
MAX_DRAWN: Final = 9
"""With nine residuals the finite-sample rank of a 90 % interval exists; more would say little more."""

_PASSES: Final = 20
_STAYING: Final = (0.5, 0.75)
"""Quantiles of what is touched that caches may keep, for a design: how much they do is found by measuring."""

_KNOWN_BEFORE: Final = 1e-3
"""Precision that coefficients are known with beforehand, beside 1 a network: next to nothing."""


@dataclass(frozen=True)
class NetworkDesign:
    """Positions of the networks to measure among the candidates; all are distinct.

    Attributes:
        designed: For the fit, (d,).
        drawn: At random, for the interval (and the fit), (m - d,).
    """

    designed: IntArray
    drawn: IntArray

    @property
    def chosen(self) -> IntArray:
        """All of them, designed ones first, (m,)."""
        return np.concatenate([self.designed, self.drawn])


@dataclass(frozen=True)
class Regressors:
    """What a design is made for.

    Attributes:
        rows: Regressors of the candidates, each divided by the guessed latency, (n, r).
        precision: That their coefficients are known with beforehand, (r,).
    """

    rows: FloatArray
    precision: FloatArray


def design_networks(features: FloatArray, count: int, rng: np.random.Generator) -> NetworkDesign:
    """Choose networks to measure.

    Args:
        features: Of the candidates, (n, p), not negative; the first is the same for all. Candidates should be
            drawn as the networks will be that are asked about: the interval is for such.
        count: How many to choose, from 6; 10 to 20 are meant.
        rng: Source of randomness, for the drawn ones.

    Raises:
        UsageError: `too_few_networks` where fewer are asked for, or are there.
    """
    if count < MIN_NETWORKS or len(features) < count:
        raise UsageError(
            "too_few_networks",
            f"{count} networks of {len(features)} candidates were asked for: "
            f"take at least {MIN_NETWORKS}, and give at least as many candidates",
        )
    num_drawn = min(MAX_DRAWN, count // 2)
    designed = variance_optimal(regressors(features), count - num_drawn)
    others = np.setdiff1d(np.arange(len(features)), designed)
    return NetworkDesign(designed, np.sort(rng.choice(others, num_drawn, replace=False)))


def regressors(features: FloatArray) -> Regressors:
    """Return the features and their products as shares of a network's guessed cost.

    Each feature counts as much as any other on the average candidate; one that no candidate has is 0.
    Products are of deviations from that average; all of them together are expected to matter as much as one
    network's noise.
    """
    means = features.mean(axis=0)
    scaled = features / np.where(means > 0, means, 1.0)
    cost = scaled.mean(axis=1, keepdims=True)
    first, second = np.triu_indices(scaled.shape[1] - 1)
    deviations = scaled[:, 1:] - 1.0
    products = deviations[:, first] * deviations[:, second] / cost
    spread = products.std(axis=0)
    products /= np.where(spread > 0, spread, 1.0) * math.sqrt(products.shape[1])
    known = [np.full(scaled.shape[1], _KNOWN_BEFORE), np.ones(products.shape[1])]
    return Regressors(np.concatenate([scaled / cost, products], axis=1), np.concatenate(known))


Pick = Callable[[IntArray, list[int]], int]
"""Returns which of some candidates to choose, given those and the ones chosen before."""


def spread_by_cost(costs: FloatArray, count: int, pick: Pick) -> IntArray:
    """Choose networks to calibrate on: the cheapest, the dearest, and one of each stratum between.

    Strata are equally wide in the logarithm of the cost, so that errors at both ends count alike; where one
    is empty, the candidate nearest to its middle is taken.

    Args:
        costs: Predicted costs of the candidates, positive, (n,).
        count: How many to choose.
        pick: Picks one of a stratum: `at_random`, or one that is `telling_apart`.

    Returns:
        Distinct positions of the chosen, from cheap to dear, (min(count, n),).
    """
    logs = np.log(np.asarray(costs, dtype=np.float64))
    if count >= len(logs):
        return np.argsort(logs, kind="stable").astype(np.int64)
    chosen = [int(np.argmin(logs)), int(np.argmax(logs))][:count]
    edges = np.linspace(logs.min(), logs.max(), max(count - 2, 0) + 1)
    for low, high in pairwise(edges):
        free = np.setdiff1d(np.arange(len(logs)), chosen)
        inside = free[(logs[free] >= low) & (logs[free] <= high)]
        nearest = int(free[np.argmin(np.abs(logs[free] - (low + high) / 2))])
        chosen.append(pick(inside, chosen) if len(inside) else nearest)
    return np.array(sorted(chosen, key=lambda i: logs[i]), dtype=np.int64)


def at_random(rng: np.random.Generator) -> Pick:
    """Return what picks any of some candidates."""
    return lambda some, _: int(rng.choice(some))


def correction_regressors(
    sums_ms: FloatArray,
    num_layers: FloatArray,
    boundary_mib: FloatArray,
    touched_mib: FloatArray,
    num_macs: FloatArray,
) -> Regressors:
    """Return what a table is corrected with (see `fitting`) as shares of the sums, each of the same size.

    Args:
        sums_ms: Sums of the layers' entries, (n,).
        num_layers: Numbers of layers, (n,).
        boundary_mib: Activations into and out of the layers, (n,).
        touched_mib: Those and weights, (n,).
        num_macs: Multiply-accumulates, (n,).
    """
    staying = [np.maximum(touched_mib - size, 0.0) for size in np.quantile(touched_mib, _STAYING)]
    terms = np.stack(
        [sums_ms, np.ones_like(sums_ms), num_layers, boundary_mib, touched_mib, num_macs, *staying], axis=1
    )
    shares = terms / sums_ms[:, np.newaxis]
    size = np.sqrt(np.mean(shares**2, axis=0))
    return Regressors(shares / np.where(size > 0, size, 1.0), np.full(shares.shape[1], _KNOWN_BEFORE))


def telling_apart(candidates: Regressors) -> Pick:
    """Return what picks the one that lowers the mean variance of the predictions of all candidates most."""
    return lambda some, chosen: int(some[np.argmax(_gains(candidates, chosen)[some])])


def variance_optimal(candidates: Regressors, count: int) -> IntArray:
    """Return the candidates whose least-squares fit predicts all with the least mean variance, (count,).

    The two ends are always among them: the first feature is the same for all networks, so those with its
    largest and its smallest share are the cheapest and the dearest.
    """
    rows = candidates.rows
    chosen = [int(np.argmax(rows[:, 0])), int(np.argmin(rows[:, 0]))][:count]
    fixed = len(chosen)
    while len(chosen) < count:
        chosen.append(int(np.argmax(_gains(candidates, chosen))))
    for _ in range(_PASSES):
        before = sorted(chosen)
        for position in range(fixed, count):
            gains = _gains(candidates, chosen[:position] + chosen[position + 1 :])
            if gains.max() > gains[chosen[position]] * (1 + 1e-9):
                chosen[position] = int(np.argmax(gains))
        if sorted(chosen) == before:
            break
    return np.array(sorted(chosen), dtype=np.int64)


def _gains(candidates: Regressors, chosen: list[int]) -> FloatArray:
    """Return by how much each candidate would lower the mean variance, (n,); those chosen already by 0.

    By Sherman and Morrison, a row x lowers trace(W M⁻¹) by x'M⁻¹ W M⁻¹x / (1 + x'M⁻¹x).
    """
    projected = candidates.rows @ np.linalg.inv(_precision(candidates, chosen))
    lowered = np.einsum("nr,nr->n", projected @ _wanted(candidates), projected)
    gains: FloatArray = lowered / (1 + np.einsum("nr,nr->n", projected, candidates.rows))
    gains[chosen] = 0.0
    return gains


def _wanted(candidates: Regressors) -> FloatArray:
    wanted: FloatArray = candidates.rows.T @ candidates.rows / len(candidates.rows)
    return wanted


def _precision(candidates: Regressors, chosen: list[int]) -> FloatArray:
    picked = candidates.rows[chosen]
    precision: FloatArray = picked.T @ picked + np.diag(candidates.precision)
    return precision
