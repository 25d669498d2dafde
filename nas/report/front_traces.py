"""What a plot of verified networks is made of: two quantities with their axes, and traces in that plane."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nas.objectives import get_objective, minimised
from nas.pareto import non_dominated
from nas.publication import measured_value
from nas.report.labels import label_sides
from nas.report.marks import (
    BLUE,
    GREY,
    ORANGE,
    STOCK_MARKER,
    VIOLET,
    Axis,
    Trace,
    axis_for,
    error_bars,
    escaped,
    faded,
    hover_text,
)
from nas.report.numbers import BYTES, COUNTS, Scale, best_scale
from nas.report.words import limit_text
from nas.results import CloudPoint, VerifiedNetwork

MAX_LIMIT_RATIO: Final = 1.6
"""A limit further right than this many times the slowest network is named at the edge instead of drawn."""

TITLES: Final[dict[str, str]] = {
    "accuracy": "accuracy",
    "latency_ms": "latency",
    "energy_mj": "energy",
    "peak_memory_bytes": "peak memory (modelled)",
    "arena_bytes": "arena of the runtime (modelled)",
    "file_bytes": "file size",
    "num_params": "parameters",
    "num_macs": "MACs",
}
"""What axes call the objectives."""


_UNITS: Final = {"latency_ms": "ms", "energy_mj": "mJ"}


@dataclass(frozen=True)
class Quantity:
    """What stands on an axis, and in which unit.

    Attributes:
        name: Of the objective.
        scale: Of its values.
    """

    name: str
    scale: Scale

    @property
    def title(self) -> str:
        """Of the axis, with its unit."""
        return f"{TITLES[self.name]}, {self.scale.unit}" if self.scale.unit else TITLES[self.name]

    def value(self, network: VerifiedNetwork) -> float:
        """Return what was measured of a network."""
        return measured_value(network, self.name) / self.scale.divisor

    def ends(self, network: VerifiedNetwork) -> tuple[float, float]:
        """Return the interval of that."""
        if self.name == "latency_ms":
            return network.latency.lower_ms, network.latency.upper_ms
        if self.name == "energy_mj" and network.energy is not None:
            return network.energy.gross_lower_mj, network.energy.gross_upper_mj
        if self.name == "accuracy":
            return 100.0 * network.accuracy.lower, 100.0 * network.accuracy.upper
        return self.value(network), self.value(network)


@dataclass(frozen=True)
class Plane:
    """Two quantities and the ranges that are shown of them."""

    x: Quantity
    y: Quantity
    x_axis: Axis
    y_axis: Axis

    def layout(self, limits: Mapping[Any, float]) -> dict[str, Any]:
        """Return the layout of a plot in this plane, with the limit of the horizontal quantity, if any."""
        return {
            "xaxis": self.x_axis.layout(self.x.title),
            "yaxis": self.y_axis.layout(self.y.title),
            "hovermode": "closest",
            **limit_lines(limits, self),
        }


def quantity_for(name: str, networks: Sequence[VerifiedNetwork]) -> Quantity:
    """Return an objective in the unit that suits the values of networks."""
    if name == "accuracy":
        return Quantity(name, Scale(0.01, "%"))
    if name in _UNITS:
        return Quantity(name, Scale(1.0, _UNITS[name]))
    scales = BYTES if name.endswith("_bytes") else COUNTS
    return Quantity(name, best_scale([measured_value(network, name) for network in networks], scales))


def plane_for(
    networks: Sequence[VerifiedNetwork],
    x: str,
    y: str,
    limits: Mapping[Any, float],
    log: tuple[bool | None, bool | None] = (None, None),
) -> Plane:
    """Return a plane in which networks and near limits are seen whole.

    Args:
        networks: All that is shown.
        x: Name of the objective to the right.
        y: Name of the objective upwards.
        limits: Upper limits by cost.
        log: Whether axes are logarithmic; None for where values span much, which accuracy never is.
    """
    across, up = quantity_for(x, networks), quantity_for(y, networks)
    return Plane(
        across, up, _axis(networks, across, limits.get(x), log[0]), _axis(networks, up, limits.get(y), log[1])
    )


def _axis(
    networks: Sequence[VerifiedNetwork], quantity: Quantity, limit: float | None, log: bool | None
) -> Axis:
    values = [end for network in networks for end in (*quantity.ends(network), quantity.value(network))]
    bound = None if limit is None else limit / quantity.scale.divisor
    if bound is not None and (not values or bound <= MAX_LIMIT_RATIO * max(values)):
        values.append(bound)
    return axis_for(values, log=log, may_be_log=quantity.name != "accuracy")


def cloud_trace(cloud: Sequence[CloudPoint], plane: Plane) -> Trace:
    """Return what a search looked at, as predicted: in the plane of accuracy over latency only."""
    there = (plane.x.name, plane.y.name) == ("latency_ms", "accuracy")
    points = [(point.latency_ms, 100.0 * point.accuracy) for point in cloud] if there else []
    inside = [(x, y) for x, y in points if plane.x_axis.contains(x) and plane.y_axis.contains(y)]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "predicted",
        "x": [x for x, _ in inside],
        "y": [y for _, y in inside],
        "marker": {"color": faded(GREY, 0.35), "size": 3},
        "hoverinfo": "skip",
    }


def points_trace(
    networks: Sequence[VerifiedNetwork], plane: Plane, name: str, marker: dict[str, Any]
) -> Trace:
    """Return networks as points with error bars, names and hover texts."""
    bar = faded(marker["color"], 0.55)
    x, error_x = _values_and_bars(networks, plane.x, bar)
    y, error_y = _values_and_bars(networks, plane.y, bar)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": y,
        "error_x": error_x,
        "error_y": error_y,
        "marker": marker,
        "customdata": [network.name for network in networks],
        "hovertext": [hover_text(network) for network in networks],
        "hoverinfo": "text",
    }


def _values_and_bars(
    networks: Sequence[VerifiedNetwork], quantity: Quantity, color: str
) -> tuple[list[float], dict[str, Any]]:
    values, ends = [quantity.value(one) for one in networks], [quantity.ends(one) for one in networks]
    return values, error_bars(values, [low for low, _ in ends], [high for _, high in ends], color)


def without_bars(trace: Trace) -> Trace:
    """Return points without their error bars."""
    return {key: value for key, value in trace.items() if key not in ("error_x", "error_y")}


def step_line(front: Sequence[VerifiedNetwork], plane: Plane) -> Trace:
    """Return what a front reaches in the plane, as a stair to the right edge.

    With more than two objectives some points of the front lie off the line: it is that of these two.
    """
    x, y = get_objective(plane.x.name), get_objective(plane.y.name)
    points = [(plane.x.value(network), plane.y.value(network)) for network in front]
    kept = non_dominated(minimised(points or [[0.0, 0.0]], [x, y]))[: len(points)]
    corners = sorted(point for point, keep in zip(points, kept, strict=True) if keep)
    # What is maximised is reached by what costs less, to its right.
    last = [(plane.x_axis.high, corners[-1][1])] if corners and not x.maximise else []
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "reached by the front",
        "x": [value for value, _ in [*corners, *last]],
        "y": [value for _, value in [*corners, *last]],
        "line": {"color": BLUE, "width": 1.5, "shape": "hv" if not x.maximise else "vh"},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def stock_trace(
    references: Sequence[VerifiedNetwork], plane: Plane, front: Sequence[VerifiedNetwork]
) -> Trace:
    """Return stock networks as named points; the names keep clear of the front's where they can."""
    trace = points_trace(references, plane, "stock networks", dict(STOCK_MARKER))
    places, around = (
        [
            (plane.x_axis.position(plane.x.value(one)), plane.y_axis.position(plane.y.value(one)))
            for one in networks
        ]
        for networks in (references, front)
    )
    return {
        **trace,
        "mode": "markers+text",
        "text": [f"  {escaped(network.name)}  " for network in references],
        "textposition": label_sides(places, [len(network.name) for network in references], around),
        "textfont": {"color": VIOLET, "size": 12},
    }


def limit_lines(limits: Mapping[Any, float], plane: Plane) -> dict[str, Any]:
    """Return the limit of the horizontal quantity as part of a layout; empty where there is none."""
    if plane.x.name not in limits:
        return {}
    limit = limits[plane.x.name]
    text, bound, x = limit_text(plane.x.name, limit), limit / plane.x.scale.divisor, plane.x_axis
    note = {
        "text": f"limit {text}",
        "showarrow": False,
        "font": {"color": ORANGE},
        "yref": "paper",
        "y": 0.02,
    }
    if not x.contains(bound):
        edge = {"text": f"limit {text} →", "xref": "paper", "x": 1, "xanchor": "right"}
        return {"annotations": [{**note, **edge}]}
    side = "left" if x.position(bound) < 0.2 else "right"
    line = {"color": ORANGE, "width": 1.5, "dash": "dash"}
    place = {"xref": "paper", "x": x.position(bound), "xanchor": side, "xshift": 4 if side == "left" else -4}
    return {
        "shapes": [
            {"type": "line", "x0": bound, "x1": bound, "yref": "paper", "y0": 0, "y1": 1, "line": line}
        ],
        "annotations": [{**note, **place}],
    }
