"""Which of the candidates that a search looked at are worth verifying next."""

from typing import Final

import numpy as np

from nas.candidates import Candidates, within_reach
from nas.pareto import (
    BoolArray,
    crowding_distance,
    dominated_by,
    hypervolume,
    non_dominated,
    num_dominated,
)
from search_spaces.base import FloatArray, IntArray

MAX_EXACT_OBJECTIVES: Final = 3
"""With more, exact hypervolumes of some hundred points take minutes; volumes are counted on samples then."""

NUM_SAMPLES: Final = 20_000
"""Drawn in the box that volumes are of: a thousandth of it holds twenty of them."""

ONE_BY_ONE: Final = 1_000
"""Points of a front that are thinned one by one; of more, a twentieth at a time goes first."""

_CORNER: Final = 1.1
"""Reference point, scaled: beyond the worst, so that ends count."""


def may_belong(points: Candidates, others: Candidates) -> BoolArray:
    """Return which architectures may belong to a front, given their intervals, shape (len(others),).

    One may where its best case keeps the limits and no point of the front dominates it in its own worst case.

    Args:
        points: A predicted front.
        others: Architectures with predictions of the same predictors.
    """
    best, _ = others.corners()
    _, worst = points.corners()
    kept: BoolArray = others.best_case_violations <= 0.0
    return kept & ~dominated_by(worst, best)


def first_shortlist(front: Candidates, quota: int) -> IntArray:
    """Return positions in the predicted front that cover it evenly, at most `quota`.

    Points in the thickest crowd are dropped one by one; costs count on a logarithmic scale.
    """
    values = _logarithmic(front)
    kept = np.arange(len(front))
    while len(kept) > max(quota, ONE_BY_ONE):
        thickest = np.argsort(crowding_distance(values[kept]), kind="stable")
        num_dropped = min(max(len(kept) // 20, 1), len(kept) - quota)
        kept = np.delete(kept, thickest[:num_dropped])
    while len(kept) > quota:
        kept = np.delete(kept, int(np.argmin(crowding_distance(values[kept]))))
    return kept


def next_shortlist(
    candidates: Candidates, verified: FloatArray, seen: set[bytes], quota: int
) -> tuple[IntArray, int]:
    """Return positions of the unverified candidates that promise most beyond what is verified.

    Where none is predicted to add anything, those are taken that would add most at the best ends of their
    intervals: what predictions are wrong about is found there.

    Args:
        candidates: Everything the search looked at, with refitted predictions.
        verified: Objectives of the verified networks, minimised, shape (m, num_objectives): costs as
            measured, accuracy as counted on the images that the candidates' is predicted for.
        seen: `row.tobytes()` of the architectures verified already.
        quota: Positions to return at most.

    Returns:
        Positions by falling promise (the hypervolume that they would add, one after the other; above three
        objectives as samples tell it), and how many unverified candidates' intervals reach the front at all.
    """
    fresh = np.array([row.tobytes() not in seen for row in candidates.archs], dtype=bool)
    reaching = np.flatnonzero(within_reach(candidates) & fresh)
    if not len(reaching):
        return reaching, 0
    chosen = _add_most(candidates.minimised()[reaching], verified, quota)
    if not len(chosen):
        best_case, _ = candidates.corners()
        chosen = _add_most(best_case[reaching], verified, quota)
    return reaching[chosen], len(reaching)


def added_share(before: FloatArray, after: FloatArray) -> float:
    """Return which share of the hypervolume that networks dominate was not dominated by the first of them.

    Args:
        before: Measured objectives of the first of them, minimised, shape (k, num_objectives).
        after: Of all of them, (m, num_objectives), at least one.
    """
    scaled, base = _scaled(after, before)
    num_objectives = scaled.shape[1]
    if num_objectives <= MAX_EXACT_OBJECTIVES:
        corner = np.full(num_objectives, _CORNER)
        return 1.0 - hypervolume(base, corner) / hypervolume(scaled, corner)
    dominated = dominated_by(scaled, samples := _samples(num_objectives)).sum()
    # Where no sample tells anything, the round counts as worth it.
    return 1.0 - float(dominated_by(base, samples).sum()) / float(dominated) if dominated else 1.0


def _add_most(values: FloatArray, verified: FloatArray, quota: int) -> IntArray:
    """Return positions of the values that would add to what is verified, by falling gain."""
    scaled, base = _scaled(values, verified)
    # Only what no other dominates can add most.
    open_ = np.flatnonzero(non_dominated(scaled))
    best = _best_exactly if base.shape[1] <= MAX_EXACT_OBJECTIVES else _best_by_samples
    return open_[best(scaled[open_], base[non_dominated(base)], quota)]


def _best_exactly(values: FloatArray, base: FloatArray, quota: int) -> IntArray:
    """Return positions of the values that add most hypervolume to a base, one after the other.

    What one adds never grows as the base does. So what it has added to a smaller base is a bound, and only
    the highest bound is worked out anew (lazy greedy: Minoux 1978).
    """
    corner = np.full(base.shape[1], _CORNER)
    volume = hypervolume(base, corner)
    gains = np.array([hypervolume(np.vstack([base, value]), corner) - volume for value in values])
    fresh = np.ones(len(values), dtype=np.bool_)
    chosen: list[int] = []
    while len(chosen) < quota and len(values) and gains[top := int(np.argmax(gains))] > 0.0:
        if not fresh[top]:
            gains[top], fresh[top] = hypervolume(np.vstack([base, values[top]]), corner) - volume, True
            continue
        chosen.append(top)
        base = np.vstack([base, values[top]])
        base = base[non_dominated(base)]
        volume, gains[top] = hypervolume(base, corner), 0.0
        fresh[:] = False
    return np.array(chosen, dtype=np.int64)


def _best_by_samples(values: FloatArray, base: FloatArray, quota: int) -> IntArray:
    """Return the same as samples tell it: what one adds is how many it dominates that nothing did before.

    Each sample is taken away once, so that all picks together compare as much as the first one does.
    """
    free = _samples(base.shape[1])
    free = free[~dominated_by(base, free)]
    gains = num_dominated(values, free)
    chosen: list[int] = []
    while len(chosen) < quota and len(values) and gains[top := int(np.argmax(gains))] > 0:
        chosen.append(top)
        taken = dominated_by(values[top : top + 1], free)
        gains -= num_dominated(values, free[taken])
        free = free[~taken]
    return np.array(chosen, dtype=np.int64)


def _samples(num_objectives: int) -> FloatArray:
    """Return points spread evenly at random between 0 and the corner, the same each time."""
    return np.random.default_rng(0).uniform(0.0, _CORNER, (NUM_SAMPLES, num_objectives))


def _logarithmic(front: Candidates) -> FloatArray:
    values = front.minimised().copy()
    costs = np.all(values > 0.0, axis=0)
    values[:, costs] = np.log(values[:, costs])
    return values


def _scaled(values: FloatArray, verified: FloatArray) -> tuple[FloatArray, FloatArray]:
    together = np.vstack([values, verified])
    low = together.min(axis=0)
    spread = np.ptp(together, axis=0)
    spread[spread == 0.0] = 1.0
    return (values - low) / spread, (verified - low) / spread
