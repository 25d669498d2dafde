"""Dominance, fronts and hypervolume: the only implementation in the product.

Every function takes values that are all to be minimised, shape (num_points, num_objectives);
`objectives.minimised` turns the objectives' own values into such. Equal points do not dominate each other, so
duplicates are kept together.
"""

from bisect import bisect_left
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

BoolArray = NDArray[np.bool_]

BLOCK: Final = 1024
"""Points compared at once: bounds the memory of a comparison."""


def dominates(first: ArrayLike, second: ArrayLike) -> BoolArray:
    """Return whether `first` is nowhere worse and somewhere better than `second`.

    Args:
        first: Shape (..., num_objectives), all minimised.
        second: Shape (..., num_objectives); both are broadcast.

    Returns:
        The broadcast shape without the last axis.
    """
    better, worse = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    dominated: BoolArray = np.all(better <= worse, axis=-1) & np.any(better < worse, axis=-1)
    return dominated


def non_dominated(values: ArrayLike) -> BoolArray:
    """Return which points no other point dominates. All copies of such a point are kept.

    Two objectives take O(n log n); more are compared in blocks, each with the front of the blocks before it,
    after a lexicographic sort that puts every dominator before what it dominates (as in Kung et al. 1975).

    Args:
        values: Shape (num_points, num_objectives), all minimised.

    Raises:
        UsageError: `invalid_objective_values` where a value is not finite.
    """
    points = _checked(values)
    if not len(points):
        return np.zeros(0, dtype=np.bool_)
    order, is_first = _distinct(points)
    unique = points[order[is_first]]
    mask = _sorted_front_2d(unique) if unique.shape[1] == 2 else _sorted_front(unique)
    kept = np.empty(len(points), dtype=np.bool_)
    kept[order] = mask[np.cumsum(is_first) - 1]
    return kept


def _distinct(points: FloatArray) -> tuple[IntArray, BoolArray]:
    """Return the lexicographic order and, along it, which points differ from the one before."""
    order = np.lexsort(points.T[::-1])
    ordered = points[order]
    is_first = np.ones(len(points), dtype=np.bool_)
    is_first[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    return order, is_first


def _distinct_front(points: FloatArray) -> FloatArray:
    front = points[non_dominated(points)]
    order, is_first = _distinct(front)
    return front[order[is_first]]


def _checked(values: ArrayLike) -> FloatArray:
    points = np.asarray(values, dtype=np.float64)
    assert points.ndim == 2, f"values have shape (num_points, num_objectives), got {points.shape}"
    if not np.isfinite(points).all():
        row, column = np.argwhere(~np.isfinite(points))[0]
        message = f"point {row}, objective {column}: {points[row, column]} is not finite; check its predictor"
        raise UsageError("invalid_objective_values", message)
    return points


def _sorted_front_2d(points: FloatArray) -> BoolArray:
    """Points are distinct and sorted: only an earlier one that is no worse in the second value dominates."""
    best_so_far = np.minimum.accumulate(points[:, 1])
    mask = np.ones(len(points), dtype=np.bool_)
    mask[1:] = points[1:, 1] < best_so_far[:-1]
    return mask


def _sorted_front(points: FloatArray) -> BoolArray:
    """Points are distinct and sorted: only earlier ones can dominate."""
    mask = np.zeros(len(points), dtype=np.bool_)
    for start in range(0, len(points), BLOCK):
        block = np.arange(start, min(start + BLOCK, len(points)))
        for front_start in range(0, start, BLOCK):
            earlier = np.flatnonzero(mask[front_start : front_start + BLOCK]) + front_start
            block = block[~_no_worse(points[earlier], points[block]).any(axis=0)]
        candidates = points[block]
        no_worse = _no_worse(candidates, candidates)
        np.fill_diagonal(no_worse, False)
        mask[block[~no_worse.any(axis=0)]] = True
    return mask


def dominated_by(front: ArrayLike, values: ArrayLike) -> BoolArray:
    """Return which of the values some point of a front dominates, shape (len(values),); compares in blocks.

    Args:
        front: Shape (num_front, num_objectives), all minimised.
        values: Shape (num_points, num_objectives), all minimised.
    """
    members, points = _checked(front), _checked(values)
    result = np.zeros(len(points), dtype=np.bool_)
    for start in range(0, len(points) if len(members) else 0, BLOCK):
        block = points[start : start + BLOCK]
        result[start : start + BLOCK] = _dominance(members, block).any(axis=0)
    return result


def num_dominated(points: ArrayLike, values: ArrayLike) -> IntArray:
    """Return how many of the values each point dominates, shape (len(points),); compares in blocks.

    Args:
        points: Shape (num_points, num_objectives), all minimised.
        values: Shape (num_values, num_objectives), all minimised.
    """
    members, others = _checked(points), _checked(values)
    result = np.zeros(len(members), dtype=np.int64)
    for start in range(0, len(others), BLOCK):
        result += _dominance(members, others[start : start + BLOCK]).sum(axis=1)
    return result


def _dominance(first: FloatArray, second: FloatArray) -> BoolArray:
    """What `dominates` says of each pair, shape (len(first), len(second)): a column at a time is quicker."""
    better = first[:, None, 0] < second[None, :, 0]
    for column in range(1, first.shape[1]):
        better |= first[:, None, column] < second[None, :, column]
    better &= _no_worse(first, second)
    return better


def _no_worse(first: FloatArray, second: FloatArray) -> BoolArray:
    """Shape (len(first), len(second)). Between distinct points, nowhere worse means dominates."""
    result = first[:, None, 0] <= second[None, :, 0]
    for column in range(1, first.shape[1]):
        result &= first[:, None, column] <= second[None, :, column]
    return result


def ranks(values: ArrayLike, violation: ArrayLike | None = None) -> IntArray:
    """Return each point's front under constrained dominance, 0 for the best (Deb et al. 2002, III-A and VI).

    Feasible points come before infeasible ones and are sorted by dominance; infeasible points are sorted by
    their total violation, equal violations sharing a front.

    Args:
        values: Shape (num_points, num_objectives), all minimised.
        violation: Shape (num_points,), 0 where feasible; None where nothing is limited.
    """
    points = _checked(values)
    result = np.zeros(len(points), dtype=np.int64)
    infeasible = np.zeros(len(points), dtype=np.bool_) if violation is None else np.asarray(violation) > 0.0
    remaining = np.flatnonzero(~infeasible)
    rank = 0
    while len(remaining):
        front = non_dominated(points[remaining])
        result[remaining[front]] = rank
        remaining = remaining[~front]
        rank += 1
    if infeasible.any():
        _, order = np.unique(np.asarray(violation)[infeasible], return_inverse=True)
        result[infeasible] = rank + order.reshape(-1)
    return result


def crowding_distance(values: ArrayLike, rank: IntArray | None = None) -> FloatArray:
    """Return the crowding distance of each point in its front (Deb et al. 2002, section III-B).

    The ends of a front in any objective are at infinity; an objective without spread adds nothing.

    Args:
        values: Shape (num_points, num_objectives), all minimised.
        rank: Front of each point from `ranks`; None means that all stand in one.
    """
    points = _checked(values)
    group = np.zeros(len(points), dtype=np.int64) if rank is None else rank
    distance = np.zeros(len(points))
    for column in range(points.shape[1] if len(points) else 0):
        order = np.lexsort((points[:, column], group))
        ordered, fronts = points[order, column], group[order]
        starts = np.concatenate([[True], fronts[1:] != fronts[:-1]])
        ends = np.concatenate([starts[1:], [True]])
        size = np.diff(np.concatenate([np.flatnonzero(starts), [len(order)]]))
        spread = np.repeat(ordered[ends] - ordered[starts], size)
        gap = np.zeros(len(order))
        gap[1:-1] = ordered[2:] - ordered[:-2]
        share = np.divide(gap, spread, out=np.zeros(len(order)), where=spread > 0.0)
        share[starts | ends] = np.inf
        distance[order] += share
    return distance


def hypervolume(points: ArrayLike, reference: ArrayLike) -> float:
    """Return the volume that the points dominate, bounded by a reference point. Exact.

    Two objectives: a sorted sweep. Three: a sweep over the third that keeps the staircase of the first two
    (Fonseca, Paquete and Lopez-Ibanez 2006). More: the sum of exclusive volumes of the points, sorted by the
    last objective so that each step loses a dimension (WFG, While, Bradstreet and Barone 2012).

    Args:
        points: Shape (num_points, num_objectives), all minimised; points beyond the reference add nothing.
        reference: Shape (num_objectives,).
    """
    corner = np.asarray(reference, dtype=np.float64)
    inside = _checked(points)
    inside = inside[np.all(inside < corner, axis=1)]
    return _volume(_distinct_front(inside), corner)


def _volume(front: FloatArray, corner: FloatArray) -> float:
    """Front points are distinct, non-dominated and in lexicographic order."""
    if not len(front):
        return 0.0
    if len(corner) == 1:
        return float(corner[0] - front[0, 0])
    if len(corner) == 2:
        heights = np.concatenate([[corner[1]], front[:-1, 1]]) - front[:, 1]
        return float(np.sum((corner[0] - front[:, 0]) * heights))
    if len(corner) == 3:
        return _volume_3d(front, corner)
    total = 0.0
    ordered = front[np.argsort(-front[:, -1], kind="stable")]
    for index, point in enumerate(ordered):
        limited = np.maximum(ordered[index + 1 :, :-1], point[:-1])
        shared = _volume(_distinct_front(limited), corner[:-1])
        total += (corner[-1] - point[-1]) * (float(np.prod(corner[:-1] - point[:-1])) - shared)
    return float(total)


def _volume_3d(front: FloatArray, corner: FloatArray) -> float:
    """Sweep up the third objective; `xs` rise and `ys` fall along the staircase of what lies below."""
    ordered = front[np.argsort(front[:, 2], kind="stable")].tolist()
    xs, ys = [-np.inf, float(corner[0])], [float(corner[1]), -np.inf]
    area, volume, level = 0.0, 0.0, ordered[0][2]
    for x, y, z in ordered:
        volume += area * (z - level)
        level = z
        first = bisect_left(xs, x)
        if ys[first - 1] <= y or (xs[first] == x and ys[first] <= y):
            continue
        last, height, start = first, ys[first - 1], x
        while ys[last] >= y:
            area += (xs[last] - start) * (height - y)
            start, height, last = xs[last], ys[last], last + 1
        area += (xs[last] - start) * (height - y)
        xs[first:last], ys[first:last] = [x], [y]
    return float(volume + area * (float(corner[2]) - level))
