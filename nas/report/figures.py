"""The charts of a search, each a pure function of its documents (see `marks` for what a chart is)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nas.objectives import get_objective, minimised
from nas.pareto import non_dominated
from nas.publication import measured_value
from nas.report.architecture import active_options, varying
from nas.report.marks import (
    BLUE,
    GREY,
    ORANGE,
    STATUS_NAMES,
    STOCK_MARKER,
    VIOLET,
    Axis,
    Chart,
    Trace,
    axis_for,
    error_bars,
    escaped,
    faded,
    hover_text,
    markers,
)
from nas.report.numbers import BYTES, COUNTS, Scale, best_scale
from nas.report.words import latency_text, limit_text
from nas.results import CloudPoint, Status, TargetResult, VerifiedNetwork
from nas.specs import CostName
from search_spaces.base import Option, SearchSpace

MAX_LIMIT_RATIO: Final = 1.6
"""A limit further right than this many times the slowest network is named at the edge instead of drawn."""

_TITLES: Final[dict[CostName, str]] = {
    "latency_ms": "latency",
    "peak_memory_bytes": "peak memory (modelled)",
    "file_bytes": "file size",
    "num_params": "parameters",
    "num_macs": "MACs",
}


@dataclass(frozen=True)
class _Cost:
    """What stands on the horizontal axis, and in which unit."""

    name: CostName
    scale: Scale

    @property
    def title(self) -> str:
        return f"{_TITLES[self.name]}, {self.scale.unit}" if self.scale.unit else _TITLES[self.name]

    def value(self, network: VerifiedNetwork) -> float:
        return measured_value(network, self.name) / self.scale.divisor

    def ends(self, network: VerifiedNetwork) -> tuple[float, float]:
        if self.name == "latency_ms":
            return network.latency.lower_ms, network.latency.upper_ms
        return self.value(network), self.value(network)


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
    shown = [*target.networks, *references]
    axis_cost = _cost(cost, shown)
    limit = target.target.limits.get(cost)
    bound = None if limit is None else limit / axis_cost.scale.divisor
    x = _cost_axis(shown, axis_cost, bound)
    accuracies = [100.0 * end for one in shown for end in (one.accuracy.lower, one.accuracy.upper)]
    y = axis_for(accuracies, may_be_log=False)
    traces = [
        *(_cloud(target.cloud, x, y) if cost == "latency_ms" else []),
        *(_plain_points(target, status, axis_cost) for status in ("over_limit", "dominated")),
        _step_line(target.front, axis_cost, x),
        _points(target.front, axis_cost, "front", markers("front")),
        _stock(references, axis_cost, x),
    ]
    layout = {
        "xaxis": x.layout(axis_cost.title),
        "yaxis": y.layout("accuracy, %"),
        "hovermode": "closest",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0, "xanchor": "left"},
        **({} if limit is None else _limit_line(limit_text(cost, limit), limit / axis_cost.scale.divisor, x)),
    }
    return {"data": [trace for trace in traces if trace["x"]], "layout": layout}


def _cost(name: CostName, networks: Sequence[VerifiedNetwork]) -> _Cost:
    if name == "latency_ms":
        return _Cost(name, Scale(1.0, "ms"))
    scales = BYTES if name.endswith("_bytes") else COUNTS
    return _Cost(name, best_scale([measured_value(network, name) for network in networks], scales))


def _cost_axis(networks: Sequence[VerifiedNetwork], cost: _Cost, bound: float | None) -> Axis:
    values = [end for network in networks for end in (*cost.ends(network), cost.value(network))]
    if bound is not None and (not values or bound <= MAX_LIMIT_RATIO * max(values)):
        values.append(bound)
    return axis_for(values)


def _cloud(cloud: Sequence[CloudPoint], x: Axis, y: Axis) -> list[Trace]:
    points = [(point.latency_ms, 100.0 * point.accuracy) for point in cloud]
    inside = [(left, up) for left, up in points if x.contains(left) and y.contains(up)]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "predicted",
            "x": [left for left, _ in inside],
            "y": [up for _, up in inside],
            "marker": {"color": faded(GREY, 0.35), "size": 3},
            "hoverinfo": "skip",
        }
    ]


def _plain_points(target: TargetResult, status: Status, cost: _Cost) -> Trace:
    networks = [network for network in target.networks if network.status == status]
    trace = _points(networks, cost, STATUS_NAMES[status], markers(status))
    return {key: value for key, value in trace.items() if key not in ("error_x", "error_y")}


def _points(networks: Sequence[VerifiedNetwork], cost: _Cost, name: str, marker: dict[str, Any]) -> Trace:
    x, y = (
        [cost.value(network) for network in networks],
        [100.0 * network.accuracy.value for network in networks],
    )
    ends = [cost.ends(network) for network in networks]
    accuracies = [network.accuracy for network in networks]
    bar = faded(marker["color"], 0.55)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "error_x": error_bars(x, [low for low, _ in ends], [high for _, high in ends], bar),
        "error_y": error_bars(
            y, [100 * a.lower for a in accuracies], [100 * a.upper for a in accuracies], bar
        ),
        "marker": marker,
        "customdata": [network.name for network in networks],
        "hovertext": [hover_text(network) for network in networks],
        "hoverinfo": "text",
    }


def _step_line(front: Sequence[VerifiedNetwork], cost: _Cost, x: Axis) -> Trace:
    """With more than two objectives some points of the front lie below the line: it is that of these two."""
    points = [(cost.value(network), network.accuracy.value) for network in front]
    turned = minimised(
        [[accuracy, value] for value, accuracy in points] or [[0.0, 0.0]],
        [get_objective("accuracy"), get_objective(cost.name)],
    )
    kept = non_dominated(turned)[: len(points)]
    corners = sorted(point for point, keep in zip(points, kept, strict=True) if keep)
    last = [(x.high, corners[-1][1])] if corners else []
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "reached by the front",
        "x": [value for value, _ in [*corners, *last]],
        "y": [100.0 * accuracy for _, accuracy in [*corners, *last]],
        "line": {"color": BLUE, "width": 1.5, "shape": "hv"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _stock(references: Sequence[VerifiedNetwork], cost: _Cost, x: Axis) -> Trace:
    trace = _points(references, cost, "stock networks", dict(STOCK_MARKER))
    # A label at the right edge would be cut off.
    sides = [
        "middle left" if x.position(cost.value(network)) > 0.5 else "middle right" for network in references
    ]
    return {
        **trace,
        "mode": "markers+text",
        "text": [f"  {escaped(network.name)}  " for network in references],
        "textposition": sides,
        "textfont": {"color": VIOLET, "size": 12},
    }


def _limit_line(text: str, bound: float, x: Axis) -> dict[str, Any]:
    note = {
        "text": f"limit {text}",
        "showarrow": False,
        "font": {"color": ORANGE},
        "yref": "paper",
        "y": 0.02,
    }
    if not x.contains(bound):
        return {
            "annotations": [{**note, "text": f"limit {text} →", "xref": "paper", "x": 1, "xanchor": "right"}]
        }
    side = "left" if x.position(bound) < 0.2 else "right"
    line = {"color": ORANGE, "width": 1.5, "dash": "dash"}
    return {
        "shapes": [
            {"type": "line", "x0": bound, "x1": bound, "yref": "paper", "y0": 0, "y1": 1, "line": line}
        ],
        "annotations": [
            {
                **note,
                "xref": "paper",
                "x": x.position(bound),
                "xanchor": side,
                "xshift": 4 if side == "left" else -4,
            }
        ],
    }


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
            "ticktext": [latency_text(network.latency).removesuffix(" ms") for network in front],
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
    """Return where each option stands among those in use, 0 to 1; numbers by size, names as they come."""
    used = list(dict.fromkeys(option for option in row if option is not None))
    if all(isinstance(option, int | float) for option in used):
        used.sort(key=float)
    steps = max(len(used) - 1, 1)
    return [None if option is None else used.index(option) / steps for option in row]


def _cell_text(network: VerifiedNetwork, name: str, option: Option | None) -> str:
    says = "changes nothing here" if option is None else escaped(str(option))
    return f"<b>{escaped(network.name)}</b><br>{escaped(name)}: {says}"
