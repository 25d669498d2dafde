"""Axes, error bars and hover texts of the figures."""

import pytest

from nas.report.marks import axis_for, error_bars, escaped, faded, hover_text, log_ticks
from tests.nas.report.documents import HOSTILE, network


def test_an_axis_is_logarithmic_from_a_factor_of_three_on() -> None:
    assert axis_for([0.1, 0.31]).log
    assert not axis_for([0.1, 0.29]).log
    assert not axis_for([0.0, 5.0]).log


def test_an_axis_leaves_room_on_both_sides() -> None:
    linear = axis_for([2.0, 4.0], margin=0.1)
    assert (linear.low, linear.high) == pytest.approx((1.8, 4.2))
    log = axis_for([0.1, 10.0], margin=0.5)
    assert (log.low, log.high) == pytest.approx((0.01, 100.0))


@pytest.mark.parametrize("values", [[], [0.4], [0.4, 0.4], [0.0]])
def test_an_axis_of_nothing_or_of_one_value_still_has_a_length(values: list[float]) -> None:
    axis = axis_for(values)
    assert axis.low < axis.high
    assert all(axis.contains(value) for value in values)


def test_positions_on_a_logarithmic_axis_are_ratios() -> None:
    axis = axis_for([0.1, 10.0], margin=0.0)
    assert axis.position(1.0) == pytest.approx(0.5)
    assert axis.layout("latency, ms")["range"] == pytest.approx([-1.0, 1.0])


@pytest.mark.parametrize(("low", "high"), [(0.09, 0.55), (0.9, 40.0), (0.01, 900.0), (1.0, 1e7)])
def test_ticks_are_round_few_and_inside(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 3 <= len(ticks) <= 12
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(ticks)


def test_error_bars_are_distances_from_the_value() -> None:
    bars = error_bars([1.0, 2.0], [0.9, 2.1], [1.3, 2.2], "red")
    assert bars["array"] == pytest.approx([0.3, 0.2])
    # A bound beyond its own value would point the wrong way: it has no length.
    assert bars["arrayminus"] == pytest.approx([0.1, 0.0])


def test_colours_fade() -> None:
    assert faded("#2f7de1", 0.5) == "rgba(47,125,225,0.5)"


def test_hover_text_shows_measured_beside_predicted_and_the_architecture() -> None:
    text = hover_text(network("net-1", 0.4312, 0.9889, architecture={"stage1.depth": 2, "stage2.depth": 3}))
    assert text.split("<br>") == [
        "<b>net-1</b> (front)",
        "accuracy 98.9 % [97.6–100.0], measured on 360 confirm images",
        "   predicted 98.7 % [97.9–99.5], fitted",
        "latency 0.431 ms [0.426–0.436], measured",
        "   predicted 0.438 ms [0.416–0.459], table",
        "depth 2·3",
    ]


def test_hover_text_of_a_stock_network_has_no_prediction() -> None:
    stock = network("resnet", 0.5, 0.97, origin="reference", predicted_accuracy=None, predicted_latency=None)
    assert "predicted" not in hover_text(stock)
    assert "(stock network)" in hover_text(stock)


def test_hostile_names_are_no_markup() -> None:
    text = hover_text(network(HOSTILE, 0.4, 0.9, architecture={HOSTILE: HOSTILE}))
    assert "<script" not in text
    assert "<img" not in text
    assert escaped("<b>&") == "&lt;b&gt;&amp;"
