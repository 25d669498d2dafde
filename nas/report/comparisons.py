"""Predicted against measured: charts and sentences on how far the predictions can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from nas.report.marks import (
    BLUE,
    GREY,
    STATUS_NAMES,
    Axis,
    Chart,
    Trace,
    axis_for,
    error_bars,
    faded,
    hover_text,
    markers,
)
from nas.report.numbers import plain
from nas.report.words import counted
from nas.results import Figure, Status, TableSummary, TargetResult, VerifiedNetwork

BAND: Final = 0.05
"""Half width of the band around equality, as a share."""

_FEW: Final = 4

FORMS: Final[dict[str, str]] = {
    "macs": "MACs only: a·MACs + b",
    "bare_sum": "bare sum of layers: S",
    "affine": "scaled sum: a·S + b",
    "corrected": "corrected sum, as used",
}
"""Names of the error report's ways to predict, and what they are."""


@dataclass(frozen=True)
class Pair:
    """A prediction beside what was measured, in the same unit."""

    network: VerifiedNetwork
    predicted: Figure
    measured: float
    lower: float
    upper: float


def latency_pairs(target: TargetResult) -> tuple[Pair, ...]:
    """Return predicted and measured latencies in ms of every network that has both."""
    return tuple(
        Pair(network, figure, network.latency.value_ms, network.latency.lower_ms, network.latency.upper_ms)
        for network in target.networks
        if (figure := network.predicted_latency) is not None
    )


def accuracy_pairs(target: TargetResult) -> tuple[Pair, ...]:
    """Return predicted and measured accuracies in percent of every network that has both.

    What was predicted is the accuracy with the supernet's weights, also of a network that was trained on.
    """
    return tuple(
        Pair(network, _in_percent(figure), 100.0 * real.value, 100.0 * real.lower, 100.0 * real.upper)
        for network in target.networks
        if (figure := network.predicted_accuracy) is not None
        for real in (network.inherited_accuracy or network.accuracy,)
    )


def _in_percent(figure: Figure) -> Figure:
    return Figure(
        value=100.0 * figure.value, lower=100.0 * figure.lower, upper=100.0 * figure.upper, kind=figure.kind
    )


def prediction_figure(target: TargetResult) -> Chart:
    """Draw measured against predicted latency: intervals, the line of equality and a band of ±5 %."""
    return _comparison(latency_pairs(target), "latency, ms", band=BAND)


def accuracy_prediction_figure(target: TargetResult) -> Chart:
    """Draw measured against predicted accuracy: intervals and the line of equality."""
    return _comparison(accuracy_pairs(target), "accuracy, %", band=None)


def _comparison(pairs: Sequence[Pair], title: str, band: float | None) -> Chart:
    if not pairs:
        return {"data": [], "layout": {}}
    # Intervals may be wide: the axes follow the points, and bars may leave the picture unless points are few.
    values = [value for pair in pairs for value in (pair.predicted.value, pair.measured)]
    if len(pairs) < _FEW:
        values += [
            end
            for pair in pairs
            for end in (pair.lower, pair.upper, pair.predicted.lower, pair.predicted.upper)
        ]
    axis = axis_for(values, margin=0.12, may_be_log=band is not None)
    statuses: tuple[Status, ...] = ("unverified", "over_limit", "dominated", "front")
    grouped = [(status, [pair for pair in pairs if pair.network.status == status]) for status in statuses]
    return {
        "data": [
            *([] if band is None else [band_trace(axis, band)]),
            equality_trace(axis),
            *(_pairs_trace(group, status) for status, group in grouped if group),
        ],
        "layout": {
            "xaxis": axis.layout(f"predicted {title}"),
            "yaxis": axis.layout(f"measured {title}"),
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0, "xanchor": "left"},
        },
    }


def _pairs_trace(pairs: Sequence[Pair], status: Status) -> Trace:
    x, y = [pair.predicted.value for pair in pairs], [pair.measured for pair in pairs]
    marker = {**markers(status), "size": 8}
    bar = faded(marker["color"], 0.35)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": STATUS_NAMES[status],
        "x": x,
        "y": y,
        "error_x": error_bars(
            x, [pair.predicted.lower for pair in pairs], [pair.predicted.upper for pair in pairs], bar
        ),
        "error_y": error_bars(y, [pair.lower for pair in pairs], [pair.upper for pair in pairs], bar),
        "marker": marker,
        "customdata": [pair.network.name for pair in pairs],
        "hovertext": [hover_text(pair.network) for pair in pairs],
        "hoverinfo": "text",
    }


def equality_trace(axis: Axis) -> Trace:
    """Return the line on which two quantities are equal."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "equal",
        "x": [axis.low, axis.high],
        "y": [axis.low, axis.high],
        "line": {"color": GREY, "width": 1},
        "hoverinfo": "skip",
    }


def band_trace(axis: Axis, share: float) -> Trace:
    """A straight line is straight on two logarithmic axes too: four corners are enough."""
    low, high = axis.low, axis.high
    return {
        "type": "scatter",
        "mode": "lines",
        "name": f"within {100.0 * share:g} %",
        "x": [low, high, high, low],
        "y": [low * (1 + share), high * (1 + share), high * (1 - share), low * (1 - share)],
        "fill": "toself",
        "fillcolor": faded(GREY, 0.18),
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def table_figure(target: TargetResult) -> Chart:
    """Draw the median error of each way to predict latency, on networks it did not see.

    Empty where the error report of the table has none (fewer than four calibration networks).
    """
    errors = form_errors(target.table)
    # Room for the numbers at the ends of the bars.
    end = 125.0 * max((error for _, error in errors), default=1.0)
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [100.0 * error for _, error in errors],
                "y": [FORMS[name] for name, _ in errors],
                "text": [f"{plain(100.0 * error, 2)} %" for _, error in errors],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {"color": [BLUE if name == "corrected" else GREY for name, _ in errors]},
                "hoverinfo": "skip",
            }
        ]
        if errors
        else [],
        "layout": {
            "xaxis": {"title": {"text": "median error, %"}, "range": [0.0, end]},
            "yaxis": {"automargin": True, "autorange": "reversed", "showgrid": False},
            "height": 90 + 38 * len(errors),
        },
    }


def form_errors(table: TableSummary) -> list[tuple[str, float]]:
    """Return the median error of each way to predict latency as a share, from what a table has to beat on."""
    return [(name, float(table.report[name]["median_error"])) for name in FORMS if name in table.report]


def latency_sentence(target: TargetResult) -> str:
    """Return how predicted latencies compare with measured ones: median error in percent, intervals."""
    pairs = latency_pairs(target)
    errors = [abs(pair.predicted.value / pair.measured - 1.0) for pair in pairs]
    return _sentence(pairs, "" if not pairs else f"{plain(100.0 * median(errors), 2)} %")


def accuracy_sentence(target: TargetResult) -> str:
    """Return how predicted accuracies compare with measured ones: median error in points, intervals."""
    pairs = accuracy_pairs(target)
    errors = [abs(pair.predicted.value - pair.measured) for pair in pairs]
    return _sentence(pairs, "" if not pairs else f"{plain(median(errors), 2)} points")


def _sentence(pairs: Sequence[Pair], error: str) -> str:
    if not pairs:
        return "Nothing was predicted for these networks."
    inside = sum(pair.predicted.lower <= pair.measured <= pair.predicted.upper for pair in pairs)
    return (
        f"{counted(len(pairs), 'network')}: median error {error}; "
        f"{inside} of {len(pairs)} measured values lie inside the predicted interval."
    )
