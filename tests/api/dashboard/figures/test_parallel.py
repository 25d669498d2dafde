"""Parallel coordinates show the choices that vary, and no others."""

import json

from api.dashboard.figures.parallel import MOST_LINES, parallel_figure
from nas.report.architecture import varying
from tests.nas.report.documents import network, searched_networks, space

A = network("a", 0.1, 0.9, architecture={"depth": 1, "width": 16, "same": 3})
B = network("b", 0.2, 0.95, architecture={"depth": 3, "width": 16, "same": 3})
C = network("c", 0.4, 0.99, architecture={"depth": 2, "width": 24, "same": 3})


def test_only_choices_that_vary_have_a_column() -> None:
    chart = parallel_figure([A, B, C])
    assert chart["layout"]["xaxis"]["ticktext"] == ["depth", "width", "latency, ms", "accuracy, %"]
    by_name = {line["name"]: line["y"] for line in chart["data"]}
    assert by_name["a"] == [0.0, 0.0, 0.0, 0.0]
    assert by_name["b"][:2] == [1.0, 0.0]
    assert by_name["c"] == [0.5, 1.0, 1.0, 1.0]


def test_columns_tell_what_selects_lines() -> None:
    columns = parallel_figure([A, B, C])["columns"]
    assert columns[:2] == [{"name": "depth"}, {"name": "width"}]
    assert columns[2] == {"name": "latency_ms", "ends": [0.1, 0.4]}
    assert columns[3]["ends"] == [90.0, 99.0]


def test_the_picked_network_is_bold_and_on_top() -> None:
    lines = parallel_figure([A, B, C], pick="a")["data"]
    assert lines[-1]["name"] == "a"
    assert lines[-1]["line"]["width"] > lines[0]["line"]["width"]


def test_a_choice_that_changes_nothing_leaves_a_gap() -> None:
    front = [one for one in searched_networks(40, 3, 1.0) if one.status == "front"]
    chart = parallel_figure(front, space())
    assert any(None in line["y"] for line in chart["data"])
    assert len(chart["layout"]["xaxis"]["ticktext"]) <= len(varying(tuple(front))) + 2
    assert json.dumps(chart, allow_nan=False)


def test_nothing_varies_nothing_is_drawn() -> None:
    assert parallel_figure([A])["data"] == []
    assert parallel_figure([])["data"] == []


def test_lines_stay_few() -> None:
    many = [network(f"n{i}", 0.1 + i, 0.9, architecture={"depth": i % 4}) for i in range(MOST_LINES + 5)]
    assert len(parallel_figure(many)["data"]) == MOST_LINES
