"""Predicted values stand beside measured ones, and errors are those of the report."""

import plotly.graph_objects as go
import pytest

from nas.report.comparisons import (
    accuracy_pairs,
    accuracy_prediction_figure,
    accuracy_sentence,
    form_errors,
    latency_sentence,
    prediction_figure,
    table_figure,
)
from tests.nas.report.documents import TABLE_REPORT, figure, make_result, network, target

LOW = network("low", 0.20, 0.95, predicted_latency=figure(0.21, 0.02, "table"))
HIGH = network("high", 1.00, 0.98, predicted_latency=figure(0.90, 0.05, "table"), status="dominated")
UNPREDICTED = network("new", 0.3, 0.9, predicted_latency=None, predicted_accuracy=None)


def test_predicted_latency_stands_to_the_right_and_measured_up() -> None:
    chart = prediction_figure(target((LOW, HIGH, UNPREDICTED)))
    drawn = {one["name"]: one for one in chart["data"]}
    assert (drawn["front"]["x"], drawn["front"]["y"]) == ([0.21], [0.2])
    assert (drawn["dominated"]["x"], drawn["dominated"]["y"]) == ([0.9], [1.0])
    assert drawn["front"]["error_x"]["array"] == pytest.approx([0.02])
    assert drawn["front"]["error_y"]["array"] == pytest.approx([LOW.latency.upper_ms - 0.2])
    assert "new" not in str(chart["data"])


def test_the_band_is_five_percent_around_equality() -> None:
    chart = prediction_figure(target((LOW, HIGH)))
    band, equal = chart["data"][0], chart["data"][1]
    assert (band["name"], equal["name"]) == ("within 5 %", "equal")
    assert [up / right for right, up in zip(band["x"], band["y"], strict=True)] == pytest.approx(
        [1.05, 1.05, 0.95, 0.95]
    )
    assert equal["x"] == equal["y"]


def test_both_axes_of_a_comparison_are_the_same() -> None:
    layout = prediction_figure(target((LOW, HIGH)))["layout"]
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    assert layout["xaxis"]["type"] == layout["yaxis"]["type"] == "log"


def test_accuracies_are_compared_in_percent_without_a_band() -> None:
    one = network("a", 0.2, 0.95, predicted_accuracy=figure(0.94, 0.01, "fitted"))
    chart = accuracy_prediction_figure(target((one,)))
    points = chart["data"][-1]
    assert points["x"] == pytest.approx([94.0])
    assert points["y"] == pytest.approx([95.0])
    assert [drawn["name"] for drawn in chart["data"]] == ["equal", "front"]


def test_nothing_predicted_nothing_drawn() -> None:
    assert prediction_figure(target((UNPREDICTED,)))["data"] == []
    assert accuracy_prediction_figure(target(()))["data"] == []
    assert latency_sentence(target((UNPREDICTED,))) == "Nothing was predicted for these networks."
    assert accuracy_sentence(target(())) == "Nothing was predicted for these networks."


def test_agreement_counts_the_median_error_and_the_intervals() -> None:
    # Errors 5 % and 10 %; 0.20 lies inside 0.19 to 0.23, 1.00 not inside 0.85 to 0.95.
    assert latency_sentence(target((LOW, HIGH))) == (
        "2 networks: median error 7.5 %; 1 of 2 measured values lie inside the predicted interval."
    )


def test_errors_of_accuracies_are_in_points() -> None:
    one = network("a", 0.2, 0.50, predicted_accuracy=figure(0.52, 0.01, "fitted"))
    assert accuracy_sentence(target((one,))) == (
        "1 network: median error 2.0 points; 0 of 1 measured values lie inside the predicted interval."
    )


def test_accuracies_have_no_logarithmic_axis_however_far_they_span() -> None:
    points = tuple(
        network(f"n{share}", 0.2, share, predicted_accuracy=figure(share, 0.01, "fitted"))
        for share in (0.1, 0.2, 0.5, 0.9)
    )
    assert "type" not in accuracy_prediction_figure(target(points))["layout"]["xaxis"]


def test_accuracy_pairs_are_in_percent() -> None:
    pair = accuracy_pairs(target((LOW,)))[0]
    assert (pair.measured, pair.predicted.value) == pytest.approx((95.0, 94.8))


def test_the_table_is_compared_with_the_bare_sum_a_scaled_sum_and_macs() -> None:
    chart = table_figure(target((LOW,)))
    bars = dict(zip(chart["data"][0]["y"], chart["data"][0]["x"], strict=True))
    assert bars == pytest.approx(
        {
            "MACs only: a·MACs + b": 18.7,
            "bare sum of layers: S": 23.1,
            "scaled sum: a·S + b": 6.4,
            "corrected sum, as used": 1.8,
        }
    )
    assert chart["data"][0]["text"] == ["19 %", "23 %", "6.4 %", "1.8 %"]


def test_without_a_report_there_are_no_bars() -> None:
    one = target((LOW,))
    empty = one.model_copy(update={"table": one.table.model_copy(update={"report": {}})})
    assert table_figure(empty)["data"] == []
    assert form_errors(empty.table) == []


def test_every_form_of_the_report_is_drawn() -> None:
    forms = {name for name, value in TABLE_REPORT.items() if isinstance(value, dict)}
    assert {name for name, _ in form_errors(target((LOW,)).table)} == forms


def test_plotly_accepts_the_charts() -> None:
    one = make_result().targets[0]
    for chart in (prediction_figure(one), accuracy_prediction_figure(one), table_figure(one)):
        go.Figure(chart)
