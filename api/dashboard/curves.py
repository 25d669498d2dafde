"""How a search gets on, as curves: the loss of its supernet, the best accuracy, the hypervolume."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from api.dashboard.story import Epoch, Measured, Story
from nas.objectives import get_objective
from nas.pareto import hypervolume
from nas.report.marks import BLUE, GREY, ORANGE, VIOLET, Axis, Chart, Trace, axis_for, escaped
from search_spaces.base import FloatArray

_COLOURS: Final = (BLUE, ORANGE, VIOLET, GREY)
"""Of the targets, by number."""


def curves(story: Story, labels: Sequence[str], limits: Sequence[Mapping[str, float]]) -> dict[str, Chart]:
    """Return the curves of a search by name; one without points where nothing is known yet.

    Args:
        story: What has happened.
        labels: Of the targets.
        limits: Of the targets: the corner of the hypervolume where there is one.
    """
    measured = [story.networks(number) for number in range(1, len(labels) + 1)]
    return {
        "loss": loss_curve([story.epochs[number] for number in sorted(story.epochs)]),
        "accuracy": _per_target(labels, [best_accuracies(found) for found in measured], "accuracy, %"),
        "hypervolume": _per_target(
            labels,
            [hypervolumes(found, limit) for found, limit in zip(measured, limits, strict=True)],
            "% of the last",
        ),
    }


def loss_curve(epochs: Sequence[Epoch]) -> Chart:
    """Draw the loss of the supernet's training, an epoch a point."""
    trace = {
        "type": "scatter",
        "mode": "lines" if len(epochs) > 1 else "markers",
        "x": [one.epoch for one in epochs],
        "y": [one.loss for one in epochs],
        "line": {"color": BLUE, "width": 2},
        "marker": {"color": BLUE, "size": 6},
        "hovertemplate": "epoch %{x}: loss %{y:.4g}<extra></extra>",
    }
    last = epochs[-1].epochs if epochs else 1
    return _chart([trace] if epochs else [], Axis(0.5, last + 0.5, log=False).layout("epoch"), "loss")


def best_accuracies(found: Sequence[Measured]) -> list[float | None]:
    """Return the best accuracy in percent after each network; None until one keeps the limits."""
    best: float | None = None
    after = list[float | None]()
    for one in found:
        if one.within_limits:
            best = max(best or 0.0, 100.0 * one.values["accuracy"])
        after.append(best)
    return after


def hypervolumes(found: Sequence[Measured], limits: Mapping[str, float]) -> list[float | None]:
    """Return the hypervolume after each network, in percent of that after the last.

    Its corner is the limit of a cost where there is one, else the worst of what was measured, a tenth of the
    range beyond, so that the last network at that end adds something too.
    """
    within = [one for one in found if one.within_limits]
    if not within:
        return [None for _ in found]
    names = list(within[0].values)
    points = np.array([_minimised(one, names) for one in within])
    corner = points.max(axis=0) + 0.1 * np.ptp(points, axis=0) + 1e-12
    corner = np.array([limits.get(name, end) for name, end in zip(names, corner, strict=True)])
    reached = iter([hypervolume(points[: n + 1], corner) for n in range(len(points))])
    whole = hypervolume(points, corner) or 1.0
    last, after = 0.0, list[float | None]()
    for one in found:
        last = next(reached) if one.within_limits else last
        after.append(100.0 * last / whole)
    return after


def _minimised(one: Measured, names: Sequence[str]) -> FloatArray:
    return np.array(
        [-one.values[name] if get_objective(name).maximise else one.values[name] for name in names]
    )


def _per_target(labels: Sequence[str], series: Sequence[Sequence[float | None]], title: str) -> Chart:
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": escaped(label),
            "x": list(range(1, len(values) + 1)),
            "y": list(values),
            "line": {"color": _COLOURS[number % len(_COLOURS)], "width": 2, "shape": "hv"},
            "marker": {"color": _COLOURS[number % len(_COLOURS)], "size": 5},
            "hovertemplate": "after network %{x}: %{y:.2f} %<extra></extra>",
        }
        for number, (label, values) in enumerate(zip(labels, series, strict=True))
        if any(value is not None for value in values)
    ]
    most = max((len(values) for values in series), default=1)
    return _chart(
        traces,
        Axis(0.5, max(most, 1) + 0.5, log=False).layout("networks verified"),
        title,
        showlegend=len(traces) > 1,
    )


def _chart(traces: list[Trace], x: dict[str, Any], y: str, *, showlegend: bool = False) -> Chart:
    known = [value for trace in traces for value in trace["y"] if value is not None]
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0}
    return {
        "data": traces,
        "layout": {
            "xaxis": x,
            "yaxis": axis_for(known, may_be_log=False).layout(y),
            "showlegend": showlegend,
            "legend": legend,
        },
    }
