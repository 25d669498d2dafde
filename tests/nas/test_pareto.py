import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas.pareto import (
    BLOCK,
    BoolArray,
    crowding_distance,
    dominated_by,
    dominates,
    hypervolume,
    non_dominated,
    num_dominated,
    ranks,
)
from search_spaces.base import FloatArray
from search_spaces.errors import UsageError

# Few distinct values, so that ties and duplicates are common.
GRIDS = st.tuples(st.integers(0, 30), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(0, 4).map(float))
)


def front_by_definition(values: FloatArray) -> BoolArray:
    """Compare every point with every other, as the definition says."""

    def beats(first: FloatArray, second: FloatArray) -> bool:
        pairs = list(zip(first, second, strict=True))
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    return np.array([not any(beats(other, point) for other in values) for point in values], dtype=np.bool_)


def volume_by_inclusion(points: FloatArray, reference: FloatArray) -> float:
    """Inclusion and exclusion over all subsets of points."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for subset in itertools.combinations(points, size):
            sides = np.maximum(reference - np.max(subset, axis=0), 0.0)
            total += (-1) ** (size + 1) * float(np.prod(sides))
    return total


def test_a_point_dominates_where_it_is_nowhere_worse_and_somewhere_better() -> None:
    assert dominates([1.0, 2.0], [1.0, 3.0])
    assert not dominates([1.0, 2.0], [1.0, 2.0])
    assert not dominates([1.0, 2.0], [0.0, 3.0])
    assert dominates([[[0.0, 0.0]], [[2.0, 2.0]]], [[[1.0, 1.0], [3.0, 3.0]]]).tolist() == [
        [True, True],
        [False, True],
    ]


def test_the_front_of_a_small_set_is_as_drawn() -> None:
    values = [[1.0, 5.0], [2.0, 3.0], [2.0, 4.0], [3.0, 3.0], [4.0, 1.0], [5.0, 5.0]]
    assert non_dominated(values).tolist() == [True, True, False, False, True, False]


def test_all_copies_of_a_front_point_are_kept() -> None:
    assert non_dominated([[1.0, 1.0], [2.0, 2.0], [1.0, 1.0]]).tolist() == [True, False, True]


@settings(deadline=None)
@given(GRIDS)
def test_the_front_is_what_the_definition_says(values: FloatArray) -> None:
    assert non_dominated(values).tolist() == front_by_definition(values).tolist()


@pytest.mark.parametrize("num_objectives", [2, 3, 4])
def test_the_front_of_more_points_than_a_block_is_what_the_definition_says(num_objectives: int) -> None:
    values = np.random.default_rng(num_objectives).integers(0, 40, (2 * BLOCK + 100, num_objectives)) * 1.0
    dominated = np.array([np.any(dominates(values, point)) for point in values])
    assert non_dominated(values).tolist() == (~dominated).tolist()


def test_the_front_does_not_depend_on_the_order_of_points() -> None:
    rng = np.random.default_rng(0)
    values, order = rng.random((500, 3)), rng.permutation(500)
    assert non_dominated(values[order]).tolist() == non_dominated(values)[order].tolist()


def test_values_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="point 1, objective 0: nan") as refused:
        non_dominated([[1.0, 1.0], [np.nan, 2.0]])
    assert refused.value.code == "invalid_objective_values"


@settings(deadline=None)
@given(GRIDS, st.integers(0, 30))
def test_dominated_by_a_front_is_what_the_definition_says(values: FloatArray, cut: int) -> None:
    front, points = values[:cut], values[cut:]
    expected = [any(bool(dominates(member, point)) for member in front) for point in points]
    assert dominated_by(front, points).tolist() == expected
    counted = [int(sum(bool(dominates(one, point)) for point in points)) for one in front]
    assert num_dominated(front, points).tolist() == counted


@settings(deadline=None)
@given(GRIDS)
def test_ranks_are_the_fronts_that_remain_when_better_ones_are_removed(values: FloatArray) -> None:
    rank, remaining, expected = ranks(values), np.ones(len(values), dtype=bool), 0
    while remaining.any():
        front = remaining.copy()
        front[remaining] = front_by_definition(values[remaining])
        assert set(rank[front].tolist()) == {expected}
        remaining &= ~front
        expected += 1


def test_infeasible_points_come_after_feasible_ones_in_order_of_violation() -> None:
    values = [[9.0, 9.0], [1.0, 1.0], [8.0, 8.0], [0.0, 0.0], [0.0, 0.0]]
    assert ranks(values, [0.0, 0.5, 0.0, 0.2, 0.5]).tolist() == [1, 3, 0, 2, 3]


def test_crowding_distance_is_the_scaled_gap_between_neighbours() -> None:
    values = [[0.0, 10.0], [1.0, 6.0], [4.0, 2.0], [5.0, 0.0]]
    # Second point: (4 - 0) / 5 + (10 - 2) / 10; third: (5 - 1) / 5 + (6 - 0) / 10.
    assert crowding_distance(values) == pytest.approx([math.inf, 1.6, 1.4, math.inf])


def test_crowding_distance_is_taken_in_each_front_alone() -> None:
    values = np.random.default_rng(1).random((60, 3))
    rank = ranks(values)
    together = crowding_distance(values, rank)
    for front in np.unique(rank):
        assert together[rank == front] == pytest.approx(crowding_distance(values[rank == front]))


def test_an_objective_without_spread_adds_no_distance() -> None:
    assert crowding_distance([[0.0, 7.0], [1.0, 7.0], [4.0, 7.0]])[1] == pytest.approx(1.0)
    assert crowding_distance(np.empty((0, 2))).tolist() == []


def test_hypervolume_of_drawn_examples() -> None:
    # A staircase in a 4 x 4 box: columns of 1, 2 and 3 unit squares.
    assert hypervolume([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]], [4.0, 4.0]) == pytest.approx(6.0)
    # A 1 x 1 x 2 and a 2 x 2 x 1 box that share 1 x 1 x 1: 2 + 4 - 1.
    assert hypervolume([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [2.0, 2.0, 2.0]) == pytest.approx(5.0)
    assert hypervolume([[0.5]], [2.0]) == pytest.approx(1.5)


def test_points_at_or_beyond_the_reference_add_nothing() -> None:
    assert hypervolume([[1.0, 1.0], [0.0, 2.0], [5.0, 0.0]], [2.0, 2.0]) == pytest.approx(1.0)
    assert hypervolume(np.empty((0, 3)), [1.0, 1.0, 1.0]) == 0.0


@settings(deadline=None)
@given(
    st.tuples(st.integers(1, 8), st.integers(1, 5)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=st.integers(0, 5).map(float))
    )
)
def test_hypervolume_is_the_union_of_boxes(points: FloatArray) -> None:
    reference = np.full(points.shape[1], 5.0)
    assert hypervolume(points, reference) == pytest.approx(volume_by_inclusion(points, reference))


@pytest.mark.parametrize("num_objectives", [3, 4])
def test_hypervolume_agrees_with_counting_random_points(num_objectives: int) -> None:
    rng = np.random.default_rng(2)
    points = rng.random((40, num_objectives))
    drawn = rng.random((100_000, num_objectives))
    inside = np.zeros(len(drawn), dtype=bool)
    for point in points:
        inside |= np.all(drawn >= point, axis=1)
    # Five standard errors of the count.
    assert hypervolume(points, np.ones(num_objectives)) == pytest.approx(inside.mean(), abs=5 * 0.0016)
