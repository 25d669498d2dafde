"""Which of the candidates that a search looked at are worth verifying next."""

import numpy as np

from nas.candidates import Candidates, within_reach
from nas.pareto import BoolArray, crowding_distance, dominated_by, hypervolume, non_dominated
from search_spaces.base import FloatArray, IntArray


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
    while len(kept) > quota:
        kept = np.delete(kept, int(np.argmin(crowding_distance(values[kept]))))
    return kept


def next_shortlist(
    candidates: Candidates, verified: FloatArray, seen: set[bytes], quota: int
) -> tuple[IntArray, int]:
    """Return positions of the unverified candidates that promise most beyond what is verified.

    Args:
        candidates: Everything the search looked at, with refitted predictions.
        verified: Measured objectives of the verified networks, minimised, shape (m, num_objectives).
        seen: `row.tobytes()` of the architectures verified already.
        quota: Positions to return at most.

    Returns:
        Positions by falling promise (the hypervolume that their predicted values would add, one after the
        other), and how many unverified candidates' intervals reach the front at all.
    """
    fresh = np.array([row.tobytes() not in seen for row in candidates.archs], dtype=bool)
    reaching = np.flatnonzero(within_reach(candidates) & fresh)
    values, base = _scaled(candidates.minimised()[reaching], verified)
    corner = np.full(base.shape[1], 1.1)
    base = base[non_dominated(base)] if len(base) else base
    chosen: list[int] = []
    best = hypervolume(base, corner)
    # Only what no other prediction dominates can add most.
    open_ = np.flatnonzero(non_dominated(values)) if len(values) else np.empty(0, dtype=np.int64)
    while len(chosen) < quota and len(open_):
        gains = [hypervolume(np.vstack([base, values[i]]), corner) - best for i in open_]
        top = int(np.argmax(gains))
        if gains[top] <= 0.0:
            break
        chosen.append(int(reaching[open_[top]]))
        base = np.vstack([base, values[open_[top]]])
        base = base[non_dominated(base)]
        best += gains[top]
        open_ = np.delete(open_, top)
    return np.array(chosen, dtype=np.int64), len(reaching)


def added_share(before: FloatArray, after: FloatArray) -> float:
    """Return which share of the hypervolume that networks dominate was not dominated by the first of them.

    Args:
        before: Measured objectives of the first of them, minimised, shape (k, num_objectives).
        after: Of all of them, (m, num_objectives), at least one.
    """
    scaled, base = _scaled(after, before)
    corner = np.full(scaled.shape[1], 1.1)
    return 1.0 - hypervolume(base, corner) / hypervolume(scaled, corner)


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
