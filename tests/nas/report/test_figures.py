"""The figures show what the documents say: every point, every interval, nothing else."""

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from nas.report.figures import choices_figure, front_figure
from nas.report.marks import Chart
from nas.results import TargetResult
from nas.specs import CostName
from search_spaces.base import option_values
from search_spaces.sampling import as_architecture, smallest
from tests.nas.report.documents import (
    HOSTILE,
    make_result,
    network,
    references,
    searched_networks,
    space,
    target,
)

FAST = network("fast", 0.1, 0.95)
BEST = network("best", 0.5, 0.98)
SLOW = network("slow", 0.3, 0.94, status="dominated")
OVER = network("over", 0.6, 0.99, status="over_limit")


def trace(chart: Chart, name: str) -> dict[str, Any]:
    """The trace of that name; a test that asks for one that is not there fails."""
    return next(one for one in chart["data"] if one["name"] == name)


def names(chart: Chart) -> list[str]:
    """Names of the traces, in the order they are drawn."""
    return [one["name"] for one in chart["data"]]


def with_limits(one: TargetResult, **limits: float) -> TargetResult:
    """The same target with other limits."""
    return one.model_copy(update={"target": one.target.model_copy(update={"limits": limits})})


def test_points_stand_where_they_were_measured() -> None:
    chart = front_figure(target((FAST, BEST, SLOW, OVER), 0.55))
    assert trace(chart, "front")["x"] == [0.1, 0.5]
    assert trace(chart, "front")["y"] == pytest.approx([95.0, 98.0])
    assert trace(chart, "front")["customdata"] == ["fast", "best"]
    assert trace(chart, "dominated")["x"] == [0.3]
    assert trace(chart, "over a limit")["x"] == [0.6]


def test_error_bars_reach_to_the_ends_of_the_intervals() -> None:
    front = trace(front_figure(target((FAST,))), "front")
    assert front["error_x"]["array"] == pytest.approx([FAST.latency.upper_ms - 0.1])
    assert front["error_x"]["arrayminus"] == pytest.approx([0.1 - FAST.latency.lower_ms])
    assert front["error_y"]["array"] == pytest.approx([100 * (FAST.accuracy.upper - 0.95)])
    assert front["error_y"]["arrayminus"] == pytest.approx([100 * (0.95 - FAST.accuracy.lower)])


def test_the_front_is_a_step_line_to_the_right_edge() -> None:
    chart = front_figure(target((FAST, BEST, SLOW)))
    line = trace(chart, "reached by the front")
    assert line["line"]["shape"] == "hv"
    assert line["x"][:2] == [0.1, 0.5]
    assert line["x"][2] == pytest.approx(10 ** chart["layout"]["xaxis"]["range"][1])
    assert line["y"] == pytest.approx([95.0, 98.0, 98.0])


def test_the_step_line_is_that_of_the_two_axes_where_there_are_more_objectives() -> None:
    small = network("small", 0.3, 0.94)  # on the front for a third objective only
    chart = front_figure(target((FAST, small, BEST)))
    assert trace(chart, "reached by the front")["x"][:2] == [0.1, 0.5]
    assert trace(chart, "front")["customdata"] == ["fast", "small", "best"]


def test_stock_networks_are_named_and_stand_on_the_plot() -> None:
    chart = front_figure(target((FAST, BEST)), references())
    stock = trace(chart, "stock networks")
    assert [text.strip() for text in stock["text"]] == [
        "mobilenet_v2",
        "mobilenet_v3_small",
        "shufflenet_v2",
        "resnet",
    ]
    assert stock["x"] == [0.62, 0.37, 0.33, 0.51]
    assert names(chart)[-1] == "stock networks"


def test_the_axis_is_logarithmic_where_latencies_span_more_than_three() -> None:
    assert front_figure(target((FAST, BEST)))["layout"]["xaxis"]["type"] == "log"
    assert "type" not in front_figure(target((BEST, OVER), 0.7))["layout"]["xaxis"]


def test_accuracy_is_never_logarithmic() -> None:
    layout = front_figure(target((network("bad", 0.1, 0.1), network("good", 0.3, 0.98))))["layout"]
    assert "type" not in layout["yaxis"]


def test_the_limit_is_a_line_with_its_value() -> None:
    layout = front_figure(target((FAST, BEST), 0.55))["layout"]
    assert (layout["shapes"][0]["x0"], layout["shapes"][0]["x1"]) == (0.55, 0.55)
    assert layout["annotations"][0]["text"] == "limit 0.55 ms"


def test_a_limit_far_away_is_named_at_the_edge_and_does_not_squash_the_plot() -> None:
    layout = front_figure(target((FAST, BEST), 50.0))["layout"]
    assert "shapes" not in layout
    assert layout["annotations"][0]["text"] == "limit 50 ms →"
    assert 10 ** layout["xaxis"]["range"][1] < 1.0


def test_no_limit_no_line() -> None:
    layout = front_figure(target((FAST, BEST), None))["layout"]
    assert "shapes" not in layout
    assert "annotations" not in layout


def test_the_cloud_is_kept_inside_the_picture_and_behind_the_points() -> None:
    one = target((FAST, BEST, SLOW))
    chart = front_figure(one)
    cloud = trace(chart, "predicted")
    low, high = chart["layout"]["yaxis"]["range"]
    assert names(chart)[0] == "predicted"
    assert 0 < len(cloud["x"]) <= len(one.cloud)
    assert all(low <= accuracy <= high for accuracy in cloud["y"])


@pytest.mark.parametrize(
    ("cost", "value", "title"),
    [
        ("num_params", 41.234, "parameters, thousand"),
        ("peak_memory_bytes", 72.0, "peak memory (modelled), KiB"),
        ("file_bytes", 182_345 / 1024, "file size, KiB"),
        ("num_macs", 0.9, "MACs, million"),
    ],
)
def test_other_costs_can_stand_on_the_axis(cost: CostName, value: float, title: str) -> None:
    fast = FAST.model_copy(update={"num_macs": 1_000_000})
    chart = front_figure(target((fast if cost == "num_macs" else FAST, BEST)), cost=cost)
    expected = 1.0 if cost == "num_macs" else value
    assert trace(chart, "front")["x"][0] == pytest.approx(expected)
    assert chart["layout"]["xaxis"]["title"]["text"] == title
    assert "predicted" not in names(chart)


def test_the_limit_of_another_cost_is_drawn_on_its_own_axis() -> None:
    one = with_limits(target((FAST, BEST)), num_params=45_000.0)
    assert "shapes" not in front_figure(one)["layout"]
    assert front_figure(one, cost="num_params")["layout"]["shapes"][0]["x0"] == pytest.approx(45.0)


def test_an_empty_target_gives_an_empty_chart() -> None:
    assert front_figure(target((), cloud=()))["data"] == []
    assert choices_figure(())["data"] == []


def test_choices_are_those_in_which_the_front_differs() -> None:
    first = network("a", 0.1234, 0.9, architecture={"width": 16, "kernel": 3, "depth": 1})
    second = network("b", 0.5678, 0.95, architecture={"width": 40, "kernel": 3, "depth": 3})
    chart = choices_figure((first, second))
    heat = chart["data"][0]
    assert heat["y"] == ["width", "depth"]
    assert heat["text"] == [["16", "40"], ["1", "3"]]
    assert heat["z"] == [[0.0, 1.0], [0.0, 1.0]]
    assert chart["layout"]["xaxis"]["ticktext"] == ["0.1234", "0.568"]


def test_choices_of_blocks_that_are_left_out_are_empty_cells() -> None:
    small = option_values(space(), as_architecture(smallest(space())[0]))
    large = {**small, "stage1.depth": 3, "stage1.block3.kernel": 5}
    front = (network("a", 0.1, 0.9, architecture=small), network("b", 0.2, 0.95, architecture=large))
    heat = choices_figure(front, space())["data"][0]
    row = heat["y"].index("stage1.block3.kernel")
    assert heat["text"][row] == ["", "5"]
    assert heat["z"][row][0] is None


def test_options_are_ordered_by_size_not_by_appearance() -> None:
    front = tuple(network(f"n{width}", 0.1, 0.9, architecture={"width": width}) for width in (96, 40, 64))
    assert choices_figure(front)["data"][0]["z"] == [[1.0, 0.0, 0.5]]


def test_hostile_names_are_no_markup_in_any_text() -> None:
    one = network(HOSTILE, 0.2, 0.9, architecture={HOSTILE: HOSTILE})
    two = network("b", 0.3, 0.95, architecture={HOSTILE: 3})
    stock = network(HOSTILE, 0.3, 0.9, origin="reference", status="dominated")
    charts = [front_figure(target((one, two)), (stock,)), choices_figure((one, two))]
    for chart in charts:
        for drawn in chart["data"]:
            drawn.pop("customdata", None)  # compared as text, never shown
    assert "<script" not in json.dumps(charts)
    assert "<img" not in json.dumps(charts)


@pytest.mark.parametrize("cost", ["latency_ms", "num_macs", "num_params", "peak_memory_bytes", "file_bytes"])
def test_plotly_accepts_the_charts_and_json_holds_them(cost: CostName) -> None:
    result = make_result()
    for chart in (
        front_figure(result.targets[0], result.references, cost),
        choices_figure(result.targets[0].front, space()),
    ):
        go.Figure(chart)
        assert json.loads(json.dumps(chart, allow_nan=False)) == chart


def test_every_verified_network_is_drawn_once() -> None:
    one = target(searched_networks(30, 5, 0.4), 0.4)
    drawn = [name for part in front_figure(one)["data"] for name in part.get("customdata", [])]
    assert sorted(drawn) == sorted(found.name for found in one.networks)
