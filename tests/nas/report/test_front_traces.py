"""What plots of networks are made of, in any two objectives."""

import pytest

from nas.report.front_traces import limit_lines, plane_for, quantity_for, step_line
from tests.nas.report.documents import network

SMALL = network("small", 0.4, 0.90, num_params=10_000)
LARGE = network("large", 0.1, 0.95, num_params=40_000)


def test_values_stand_in_the_unit_of_the_axis() -> None:
    params = quantity_for("num_params", [SMALL, LARGE])
    assert (params.title, params.value(SMALL)) == ("parameters, thousand", 10.0)
    assert params.ends(SMALL) == (10.0, 10.0)
    accuracy = quantity_for("accuracy", [SMALL])
    assert accuracy.title == "accuracy, %"
    assert accuracy.value(SMALL) == pytest.approx(90.0)
    assert accuracy.ends(SMALL) == pytest.approx((100 * SMALL.accuracy.lower, 100 * SMALL.accuracy.upper))


def test_the_stair_is_of_the_two_objectives_that_are_shown() -> None:
    fewer = plane_for([SMALL, LARGE], "num_params", "latency_ms", {})
    line = step_line([SMALL, LARGE], fewer)
    assert line["x"][:2] == [10.0, 40.0]
    assert line["y"][:2] == [0.4, 0.1]
    assert line["line"]["shape"] == "hv"


def test_to_the_right_better_the_stair_is_reached_from_the_left() -> None:
    plane = plane_for([SMALL, LARGE], "accuracy", "num_params", {})
    line = step_line([SMALL, LARGE], plane)
    assert line["x"] == pytest.approx([90.0, 95.0])
    assert line["y"] == [10.0, 40.0]
    assert line["line"]["shape"] == "vh"


def test_a_reader_may_want_another_scale() -> None:
    plane = plane_for([SMALL, LARGE], "latency_ms", "accuracy", {}, (False, True))
    assert not plane.x_axis.log
    assert plane.y_axis.log


def test_a_limit_is_drawn_for_the_axis_that_has_it() -> None:
    plane = plane_for([SMALL, LARGE], "num_params", "accuracy", {"num_params": 30_000})
    assert limit_lines({"num_params": 30_000}, plane)["shapes"][0]["x0"] == 30.0
    assert limit_lines({"latency_ms": 1.0}, plane) == {}
