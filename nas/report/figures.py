"""The charts of a search, each a pure function of its documents (see `marks` for what a chart is)."""

from collections.abc import Sequence

from nas.publication import is_known
from nas.report.architecture import active_options, option_places, varying
from nas.report.front_traces import (
    Plane,
    cloud_trace,
    plane_for,
    points_trace,
    step_line,
    stock_trace,
    without_bars,
)
from nas.report.marks import STATUS_NAMES, Chart, Trace, escaped, markers
from nas.report.words import latency_text
from nas.results import Status, TargetResult, VerifiedNetwork
from nas.specs import CostName
from search_spaces.base import Option, SearchSpace


def front_figure(
    target: TargetResult, references: Sequence[VerifiedNetwork] = (), cost: CostName = "latency_ms"
) -> Chart:
    """Draw accuracy against a cost: front with intervals, everything else verified, stock networks, limit.

    The step line is what the front reaches at each cost. The predicted cloud is drawn for latency only.

    Args:
        target: The target.
        references: Stock networks.
        cost: On the horizontal axis, logarithmic where the values span more than a factor of 3.
    """
    references = [network for network in references if is_known(network, cost)]
    plane = plane_for([*target.networks, *references], cost, "accuracy", target.target.limits)
    traces = [
        cloud_trace(target.cloud, plane),
        *(_plain_points(target, status, plane) for status in ("unverified", "over_limit", "dominated")),
        step_line(target.front, plane),
        points_trace(target.front, plane, "front", markers("front")),
        stock_trace(references, plane, target.front),
    ]
    layout = {
        **plane.layout(target.target.limits),
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0, "xanchor": "left"},
    }
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def _plain_points(target: TargetResult, status: Status, plane: Plane) -> Trace:
    networks = [network for network in target.networks if network.status == status]
    return without_bars(points_trace(networks, plane, STATUS_NAMES[status], markers(status)))


def choices_figure(front: Sequence[VerifiedNetwork], space: SearchSpace | None = None) -> Chart:
    """Draw which options the networks of a front use, from the fastest to the slowest.

    One column a network, one row for each choice in which they differ; the darker, the larger the option
    among those in use. A cell is empty where the choice changes nothing in that network.

    Args:
        front: By latency.
        space: Tells which choices are active; without it all are shown.
    """
    active = [active_options(network.architecture, space) for network in front]
    names = [name for name in varying(tuple(front), space) if any(name in options for options in active)]
    cells = [[options.get(name) for options in active] for name in names]
    layout = {
        "xaxis": {
            "title": {"text": "latency, ms"},
            "tickvals": list(range(len(front))),
            "ticktext": [latency_text(network.latency).replace(" ms", "") for network in front],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        "yaxis": {"autorange": "reversed", "showgrid": False, "automargin": True, "type": "category"},
        "height": 120 + 22 * len(names),
    }
    return {"data": [_heat_map(front, names, cells)] if names else [], "layout": layout}


def _heat_map(
    front: Sequence[VerifiedNetwork], names: Sequence[str], cells: Sequence[Sequence[Option | None]]
) -> Trace:
    return {
        "type": "heatmap",
        "x": list(range(len(front))),
        "y": [escaped(name) for name in names],
        "z": [_positions(row) for row in cells],
        "text": [["" if cell is None else escaped(str(cell)) for cell in row] for row in cells],
        "texttemplate": "%{text}",
        "customdata": [[network.name for network in front] for _ in names],
        "hovertext": [
            [_cell_text(network, name, cell) for network, cell in zip(front, row, strict=True)]
            for name, row in zip(names, cells, strict=True)
        ],
        "hoverinfo": "text",
        "colorscale": [[0.0, "#a9cbf5"], [0.5, "#4f94ea"], [1.0, "#164f9c"]],
        "zmin": 0.0,
        "zmax": 1.0,
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
        "hoverongaps": False,
    }


def _positions(row: Sequence[Option | None]) -> list[float | None]:
    """Return where the option of each cell stands among those in use; None where there is none."""
    places = option_places(row)
    return [None if option is None else places[option] for option in row]


def _cell_text(network: VerifiedNetwork, name: str, option: Option | None) -> str:
    says = "changes nothing here" if option is None else escaped(str(option))
    return f"<b>{escaped(network.name)}</b><br>{escaped(name)}: {says}"
