"""The plot of a front: what was verified in the plane of two objectives, with what stands beside it.

Few points (the front, stock networks, other fronts) are traces of plotly, with error bars and names. The many
(dominated, over a limit, predicted) are plain columns under `many`: the page's script draws them on a canvas,
since ten thousand elements would not move. Nothing is compared here but by `nas.pareto`, once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from api.dashboard.front_query import FrontQuery
from api.dashboard.results import TargetFront
from api.selection import COSTS
from nas.choosing import tie_groups
from nas.publication import held_value, is_known, known_objectives
from nas.report.front_traces import (
    Plane,
    cloud_trace,
    plane_for,
    points_trace,
    step_line,
    stock_trace,
)
from nas.report.marks import BLUE, GREY, ORANGE, Chart, Trace, faded, markers
from nas.results import Status, VerifiedNetwork

# Told apart by readers who see red and green alike: Okabe and Ito's palette, darkened for white paper, and
# each with a symbol of its own.
OVERLAYS: Final[tuple[tuple[str, str], ...]] = (
    ("#0b8f74", "square"),
    ("#c2570c", "triangle-up"),
    ("#b0478f", "diamond"),
    ("#8a6d00", "square-open"),
    ("#3d7ea6", "triangle-up-open"),
    ("#6b5fb5", "diamond-open"),
)
"""Colour and symbol of each further front."""

_MANY: Final[dict[Status, dict[str, Any]]] = {
    "dominated": {"color": GREY, "symbol": "ring", "size": 6},
    "over_limit": {"color": ORANGE, "symbol": "cross", "size": 6},
    "unverified": {"color": ORANGE, "symbol": "square", "size": 6},
}
PICKED: Final = "picked"


@dataclass(frozen=True)
class Overlay:
    """Another front in the same plot.

    Attributes:
        key: `SEARCH.TARGET`, as addresses have it.
        label: For people.
    """

    key: str
    label: str
    front: TargetFront


def front_chart(shown: TargetFront, asked: FrontQuery, overlays: Sequence[Overlay] = ()) -> Chart:
    """Return the plot of a front as a reader wants it.

    Beside `data` and `layout` it has `many` (columns of what is verified but not on the front, and of what
    was predicted only), `front` (which trace the front is) and `budget` (what sliders hold limits against).

    Args:
        shown: The front.
        asked: Axes, parts and the picked network.
        overlays: Further fronts.
    """
    target = shown.target
    references = _known(shown.references, asked) if "stock" in asked.show else ()
    seen = [one for one in target.networks if one.status == "front" or one.status in asked.show]
    overlays = [one for one in overlays if _known(one.front.target.front, asked) == one.front.target.front]
    beside = [network for overlay in overlays for network in overlay.front.target.front]
    limits = target.target.limits
    plane = plane_for([*(seen or target.networks), *references, *beside], asked.x, asked.y, limits, asked.log)
    front = points_trace(target.front, plane, "front", markers("front"))
    traces = [
        *(_ties(target.front, plane) if "ties" in asked.show else []),
        *(trace for number, one in enumerate(overlays) for trace in _overlay(one, plane, number)),
        step_line(target.front, plane),
        stock_trace(references, plane, target.front),
        front,
        _picked(shown, plane, asked.pick),
    ]
    traces = [trace for trace in traces if trace["x"] or trace["name"] == PICKED]
    return {
        "data": traces,
        "layout": {**plane.layout(limits), "showlegend": False},
        "front": next((place for place, trace in enumerate(traces) if trace is front), None),
        "many": [*_many(target.networks, plane, asked), *_predicted(shown, plane, asked)],
        "budget": budget_columns(shown),
    }


def _known(networks: Sequence[VerifiedNetwork], asked: FrontQuery) -> tuple[VerifiedNetwork, ...]:
    """Return the networks that have a place in the plane that is asked for."""
    return tuple(one for one in networks if is_known(one, asked.x) and is_known(one, asked.y))


def compared_chart(shown: Sequence[Overlay], x: str, y: str) -> Chart:
    """Return several fronts in one plane, none of them more than another.

    Args:
        shown: The fronts.
        x: Name of the objective to the right.
        y: Name of the objective upwards.
    """
    networks = [network for one in shown for network in one.front.target.front]
    plane = plane_for(networks, x, y, {})
    return {
        "data": [trace for number, one in enumerate(shown) for trace in _overlay(one, plane, number)],
        "layout": {**plane.layout({}), "showlegend": False},
    }


def with_many(chart: Chart) -> Chart:
    """Return a chart whose many points are traces like the others, for what draws no canvas."""
    symbols = {"ring": "circle-open", "cross": "x-thin-open", "square": "square-open", "dot": "circle"}
    traces = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": group["name"],
            "x": group["x"],
            "y": group["y"],
            "marker": {"color": group["color"], "size": group["size"], "symbol": symbols[group["symbol"]]},
        }
        for group in chart["many"]
    ]
    return {**chart, "data": [*traces, *chart["data"]]}


def budget_columns(shown: TargetFront) -> dict[str, Any]:
    """Return what the sliders' script needs: accuracy, and what limits are held against, a network a row."""
    networks = shown.target.networks
    return {
        "limits": {str(name): limit for name, limit in shown.target.target.limits.items()},
        "name": [network.name for network in networks],
        "status": [network.status for network in networks],
        "accuracy": [network.accuracy.value for network in networks],
        "latency_ms": [network.latency.value_ms for network in networks],
        "held": {
            name: [held_value(network, name) for network in networks]
            for name in known_objectives(networks)
            if name in COSTS
        },
    }


def _many(networks: Sequence[VerifiedNetwork], plane: Plane, asked: FrontQuery) -> list[dict[str, Any]]:
    """Return verified points that are not on the front; `rows` are their places among the networks."""
    groups = []
    for status, marker in _MANY.items():
        rows = [row for row, network in enumerate(networks) if network.status == status]
        if status not in asked.show or not rows:
            continue
        chosen = [networks[row] for row in rows]
        columns = {
            "x": _short([plane.x.value(one) for one in chosen]),
            "y": _short([plane.y.value(one) for one in chosen]),
        }
        groups.append({"name": status, **marker, **columns, "rows": rows})
    return groups


def _predicted(shown: TargetFront, plane: Plane, asked: FrontQuery) -> list[dict[str, Any]]:
    trace = cloud_trace(shown.target.cloud, plane) if "predicted" in asked.show else {"x": []}
    if not trace["x"]:
        return []
    columns = {"x": _short(trace["x"]), "y": _short(trace["y"])}
    return [{"name": "predicted", "color": GREY, "symbol": "dot", "size": 3, **columns, "rows": []}]


def _short(values: Sequence[float]) -> list[float]:
    """Return values with as many digits as a screen shows: ten thousand points travel in half the bytes."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=float).tolist()]


def _ties(front: Sequence[VerifiedNetwork], plane: Plane) -> list[Trace]:
    """Return a broad line along each group of points whose accuracies cannot be told apart."""
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "tied",
            "x": [plane.x.value(network) for network in group],
            "y": [plane.y.value(network) for network in group],
            "line": {"color": faded(BLUE, 0.16), "width": 12},
            "hoverinfo": "skip",
        }
        for group in tie_groups(front)
        if len(group) > 1
    ]


def _overlay(overlay: Overlay, plane: Plane, number: int) -> list[Trace]:
    color, symbol = OVERLAYS[number % len(OVERLAYS)]
    front = overlay.front.target.front
    line = step_line(front, plane)
    points = points_trace(front, plane, overlay.label, {"color": color, "size": 9, "symbol": symbol})
    # Names of another search's networks pick nothing here.
    points = {**points, "customdata": [None] * len(front)}
    return [{**line, "name": overlay.label, "line": {**line["line"], "color": color}}, points]


def _picked(shown: TargetFront, plane: Plane, name: str | None) -> Trace:
    chosen = [one for one in (*shown.target.networks, *shown.references) if name and one.name == name]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": PICKED,
        "x": [plane.x.value(network) for network in chosen],
        "y": [plane.y.value(network) for network in chosen],
        "marker": {"color": BLUE, "size": 20, "symbol": "circle-open", "line": {"width": 2.5}},
        "hoverinfo": "skip",
    }
