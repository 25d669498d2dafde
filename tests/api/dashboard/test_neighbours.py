import pytest

from api.dashboard.neighbours import Change, changes, neighbours
from tests.nas.report.documents import network

FAST = network("fast", 0.1, 0.90, architecture={"depth": 1, "width": 16})
MIDDLE = network("middle", 0.2, 0.95, architecture={"depth": 2, "width": 16}, tied_with=("slow",))
SLOW = network("slow", 0.4, 0.96, architecture={"depth": 2, "width": 24}, tied_with=("middle",))
FRONT = (FAST, MIDDLE, SLOW)


def test_both_sides_are_told_with_what_changes() -> None:
    faster, slower = neighbours(FRONT, MIDDLE, None)
    assert (faster.side, faster.network.name, faster.tied) == ("faster", "fast", False)
    assert faster.points == pytest.approx(-5.0)
    assert faster.latency_share == pytest.approx(-0.5)
    assert faster.changes == (Change("depth", "2", "1"),)
    assert (slower.side, slower.network.name, slower.tied) == ("slower", "slow", True)
    assert slower.latency_ms == pytest.approx(0.2)
    assert slower.changes == (Change("width", "16", "24"),)


def test_the_ends_have_one_side() -> None:
    assert [one.side for one in neighbours(FRONT, FAST, None)] == ["slower"]
    assert [one.side for one in neighbours(FRONT, SLOW, None)] == ["faster"]
    assert neighbours((FAST,), FAST, None) == ()


def test_a_dominated_network_stands_between_points_of_the_front() -> None:
    between = network("between", 0.3, 0.5)
    assert [one.network.name for one in neighbours(FRONT, between, None)] == ["middle", "slow"]


def test_a_choice_of_one_network_only_is_empty_in_the_other() -> None:
    assert changes(FAST, network("stock", 1.0, 0.9), None) == (
        Change("depth", "1", ""),
        Change("width", "16", ""),
    )


def test_a_stock_network_has_no_choices_to_differ_in() -> None:
    stock = network("resnet", 0.15, 0.9, origin="reference")
    built = network("b", 0.2, 0.95, architecture={"depth": 3})
    assert changes(stock, built, None) == changes(built, stock, None) == ()
