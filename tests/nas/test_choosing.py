"""Which points are delivered and why."""

import pytest

from nas.choosing import choose, tie_groups
from nas.results import VerifiedNetwork
from tests.nas.report.documents import network

# Accuracy rises fast up to `knee` (log latency and accuracy both scaled), then hardly at all.
TINY = network("tiny", 0.1, 0.80)
KNEE = network("knee", 0.2, 0.95)
MIDDLE = network("middle", 0.4, 0.955)
TIED = network("tied", 0.8, 0.965, tied_with=("best",))
BEST = network("best", 1.6, 0.97, tied_with=("tied",))
FRONT = (BEST, KNEE, TINY, MIDDLE, TIED)


def names(front: tuple[VerifiedNetwork, ...], points: int) -> list[str]:
    return [found.name for found, _ in choose(front, points)]


def test_an_empty_front_delivers_nothing() -> None:
    assert choose((), 3) == []


def test_each_number_of_points_shows_what_says_most() -> None:
    assert names(FRONT, 1) == ["best"]
    assert names(FRONT, 2) == ["best", "tiny"]
    assert names(FRONT, 3) == ["best", "knee", "tiny"]
    assert names(FRONT, 4) == ["best", "tied", "knee", "tiny"]
    assert sorted(names(FRONT, 5)) == sorted(found.name for found in FRONT)


def test_a_front_with_fewer_points_is_delivered_whole_and_once() -> None:
    assert sorted(names(FRONT, 100)) == sorted(found.name for found in FRONT)
    assert names((TINY,), 3) == ["tiny"]


@pytest.mark.parametrize("points", [2, 3, 5])
def test_where_roles_fall_together_others_take_the_place(points: int) -> None:
    line = tuple(network(f"n{i}", 0.1 * 2**i, 0.9 + 0.01 * i) for i in range(6))
    found = names(line, points)
    assert len(set(found)) == points
    assert {"n0", "n5"} <= set(found)


def test_every_choice_has_its_reason() -> None:
    reasons = {found.name: why for found, why in choose(FRONT, 5)}
    assert reasons["best"] == "the best accuracy of the front"
    assert reasons["tied"] == "the fastest whose accuracy cannot be told from the best"
    assert reasons["knee"].startswith("the knee")
    assert reasons["tiny"] == "the fastest of the front"
    assert reasons["middle"] == "a step between the others"


def test_points_of_one_latency_or_accuracy_are_no_division_by_zero() -> None:
    flat = (network("a", 0.2, 0.9), network("b", 0.2, 0.9))
    assert sorted(names(flat, 3)) == ["a", "b"]


def test_a_group_of_ties_is_made_around_its_best() -> None:
    # a is tied with b and b with c, but a not with c.
    a = network("a", 0.8, 0.98, tied_with=("b",))
    b = network("b", 0.4, 0.975, tied_with=("a", "c"))
    c = network("c", 0.2, 0.97, tied_with=("b",))
    assert [[one.name for one in group] for group in tie_groups((c, b, a))] == [["b", "a"], ["c"]]
    assert tie_groups(()) == ()
