"""The plot of a front as a reader wants it."""

import json
from dataclasses import replace

import pytest

from api.dashboard.figures.front import OVERLAYS, PICKED, Overlay, compared_chart, front_chart, with_many
from api.dashboard.front_query import FrontQuery
from api.dashboard.results import TargetFront
from nas import pareto
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.report.marks import Chart
from search_spaces.base import FloatArray
from tests.nas.report.documents import energy, network, references, searched_networks, target

FAST = network("fast", 0.1, 0.95, tied_with=("best",))
BEST = network("best", 0.4, 0.98, tied_with=("fast",))
SLOW = network("slow", 0.3, 0.94, status="dominated", num_params=10_000)
OVER = network("over", 1.2, 0.99, status="over_limit")
JOB = Job(
    id="digits-1",
    tenant="local",
    owner="",
    kind=JobKind.SEARCH,
    name="digits",
    spec={},
    state=JobState.SUCCEEDED,
    attempt=1,
    progress=0,
    cancel_requested=False,
    code="",
    message="",
    worker="",
    faults={},
    created_at_ms=0,
    changed_at_ms=0,
    finished_at_ms=0,
)
SHOWN = TargetFront(JOB, 1, target((FAST, BEST, SLOW, OVER), 1.0), references(), None)


def names(chart: Chart) -> list[str]:
    return [trace["name"] for trace in chart["data"]]


def test_only_few_points_are_traces_and_the_many_are_columns() -> None:
    chart = front_chart(SHOWN, FrontQuery())
    assert chart["data"][chart["front"]]["customdata"] == ["fast", "best"]
    assert [(group["name"], group["rows"]) for group in chart["many"]] == [
        ("dominated", [2]),
        ("over_limit", [3]),
    ]
    assert chart["many"][0]["x"] == [0.3]
    assert json.dumps(chart, allow_nan=False)


def test_parts_are_shown_where_they_are_wanted() -> None:
    bare = front_chart(SHOWN, FrontQuery(show=("none",)))
    assert names(bare) == ["reached by the front", "front", PICKED]
    assert bare["many"] == []
    cloud = front_chart(SHOWN, FrontQuery(show=("none", "predicted")))
    assert [group["name"] for group in cloud["many"]] == ["predicted"]
    assert cloud["many"][0]["rows"] == []
    assert "stock networks" in names(front_chart(SHOWN, FrontQuery()))


@pytest.mark.parametrize(
    "x", ["latency_ms", "num_params", "file_bytes", "num_macs", "peak_memory_bytes", "accuracy"]
)
@pytest.mark.parametrize("y", ["accuracy", "latency_ms", "num_params"])
def test_any_two_objectives_are_axes_with_their_units(x: str, y: str) -> None:
    chart = front_chart(SHOWN, FrontQuery.model_validate({"x": x, "y": y}))
    titles = [chart["layout"][axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
    assert titles[1] == {"accuracy": "accuracy, %", "latency_ms": "latency, ms"}.get(y, titles[1])
    assert json.dumps(chart, allow_nan=False)


def test_what_nothing_is_known_of_is_no_axis_and_no_budget() -> None:
    asked = FrontQuery(x="energy_mj", grows="arena_bytes", y="num_params").among(("accuracy", "num_params"))
    assert (asked.x, asked.y, asked.grows) == ("latency_ms", "num_params", "latency_ms")
    watched = tuple(one.model_copy(update={"energy": energy(2.0)}) for one in (FAST, BEST))
    shown = replace(SHOWN, target=target(watched))
    other = Overlay("digits-2.1", "digits-2", SHOWN)
    chart = front_chart(shown, FrontQuery(x="energy_mj"), [other])
    assert chart["layout"]["xaxis"]["title"]["text"] == "energy, mJ"
    # Neither stock networks nor the other front have a place there.
    assert names(chart) == ["tied", "reached by the front", "front", PICKED]
    assert chart["budget"]["held"]["energy_mj"] == [2.1, 2.1]
    assert "arena_bytes" not in chart["budget"]["held"]
    assert json.dumps(chart, allow_nan=False)


def test_a_scale_is_what_the_reader_wants() -> None:
    layout = front_chart(SHOWN, FrontQuery(x_scale="linear", y_scale="log"))["layout"]
    assert "type" not in layout["xaxis"]
    assert layout["yaxis"]["type"] == "log"


def test_tied_points_are_joined() -> None:
    joined = [trace for trace in front_chart(SHOWN, FrontQuery())["data"] if trace["name"] == "tied"]
    assert [trace["x"] for trace in joined] == [[0.1, 0.4]]
    assert "tied" not in names(front_chart(SHOWN, FrontQuery(show=("dominated",))))


def test_the_picked_network_has_a_ring() -> None:
    assert front_chart(SHOWN, FrontQuery(pick="slow"))["data"][-1]["x"] == [0.3]
    assert front_chart(SHOWN, FrontQuery(pick="resnet"))["data"][-1]["x"] == [0.51]
    assert front_chart(SHOWN, FrontQuery(pick="gone"))["data"][-1]["x"] == []


def test_budgets_are_held_against_upper_ends() -> None:
    budget = front_chart(SHOWN, FrontQuery())["budget"]
    assert budget["held"]["latency_ms"] == [one.latency.upper_ms for one in (FAST, BEST, SLOW, OVER)]
    assert budget["held"]["num_params"][2] == 10_000
    assert budget["limits"] == {"latency_ms": 1.0}


def test_other_fronts_have_colours_and_symbols_of_their_own() -> None:
    other = Overlay("digits-2.1", "digits-2", replace(SHOWN, target=target((BEST,))))
    chart = front_chart(SHOWN, FrontQuery(), [other, other])
    points = [trace for trace in chart["data"] if trace["name"] == "digits-2" and "marker" in trace]
    assert [(one["marker"]["color"], one["marker"]["symbol"]) for one in points] == list(OVERLAYS[:2])
    # A click on another search's network picks none of this one.
    assert [one["customdata"] for one in points] == [[None], [None]]
    assert set(names(compared_chart([other, other], "latency_ms", "accuracy"))) == {"digits-2"}


def test_an_svg_gets_the_many_points_as_traces() -> None:
    drawn = with_many(front_chart(SHOWN, FrontQuery()))
    assert [trace["name"] for trace in drawn["data"]][:2] == ["dominated", "over_limit"]


def test_every_status_has_a_mark_of_its_own_in_an_svg() -> None:
    refused = network("refused", 0.2, 0.99, status="unverified")
    shown = replace(SHOWN, target=target((FAST, SLOW, OVER, refused), 1.0))
    chart = with_many(front_chart(shown, FrontQuery()))
    marks = {trace["name"]: trace["marker"]["symbol"] for trace in chart["data"][:3]}
    assert marks == {"dominated": "circle-open", "over_limit": "x-thin-open", "unverified": "square-open"}


def test_of_ten_thousand_points_dominance_is_worked_out_once_and_for_the_front_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = replace(SHOWN, target=target(searched_networks(300, 5, 0.6)))
    seen: list[int] = []
    real = pareto.non_dominated

    def counted(values: FloatArray) -> pareto.BoolArray:
        seen.append(len(values))
        return real(values)

    monkeypatch.setattr("nas.report.front_traces.non_dominated", counted)
    front_chart(shown, FrontQuery())
    assert seen == [len(shown.target.front)]
