"""Figures of a device: how good predictions from its table are, and how fast it was over time."""

from collections.abc import Sequence
from typing import Any, Final

from api.calibrations import NetworkLine
from latency_predictors.drift import slowness
from latency_predictors.protocol import SessionResult
from nas.report.comparisons import BAND, band_trace, equality_trace
from nas.report.marks import BLUE, GREY, ORANGE, Chart, Trace, axis_for, error_bars, faded

_KINDS: Final = (
    (False, "calibrated with, left out once", {"color": GREY, "size": 8, "symbol": "circle-open"}),
    (True, "verified by searches", {"color": BLUE, "size": 8, "symbol": "circle"}),
)


_LABELS: Final = 4
"""Of sessions, at most about so many: more run into each other."""


def calibration_figure(lines: Sequence[NetworkLine]) -> Chart:
    """Draw measured against predicted latency of whole networks, none of which the prediction had seen.

    Args:
        lines: Networks behind a correction.
    """
    if not lines:
        return {"data": [], "layout": {}}
    axis = axis_for([value for one in lines for value in (one.predicted_ms, one.measured_ms)], margin=0.12)
    groups = [([one for one in lines if one.verified == kind], name, mark) for kind, name, mark in _KINDS]
    return {
        "data": [
            band_trace(axis, BAND),
            equality_trace(axis),
            *(_networks(group, name, mark) for group, name, mark in groups if group),
        ],
        "layout": {
            "xaxis": axis.layout("predicted latency, ms"),
            "yaxis": axis.layout("measured latency, ms"),
            "hovermode": "closest",
            "showlegend": True,
            "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0, "xanchor": "left"},
        },
    }


def _networks(lines: Sequence[NetworkLine], name: str, marker: dict[str, Any]) -> Trace:
    x = [one.predicted_ms for one in lines]
    ends = [one.lower_ms for one in lines], [one.upper_ms for one in lines]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": x,
        "y": [one.measured_ms for one in lines],
        "error_x": error_bars(x, *ends, faded(marker["color"], 0.5)),
        "marker": marker,
        "hovertext": [
            f"predicted {one.predicted_ms:.3g} ms [{one.lower_ms:.3g}–{one.upper_ms:.3g}], "
            f"measured {one.measured_ms:.3g} ms"
            for one in lines
        ],
        "hoverinfo": "text",
    }


def drift_figure(sessions: Sequence[SessionResult]) -> Chart:
    """Draw how slow the device was in each session, by its first anchor: 100 % is the first session at rest.

    Args:
        sessions: In the order of delivery; those without readings are left out.
    """
    rows = [(one, found) for one in sessions if (found := slowness_percent(one))]
    if not rows:
        return {"data": [], "layout": {}}
    width = [0.5, len(rows) + 0.5]
    every = max(len(rows) // _LABELS, 1)
    y = axis_for([100.0, *(value for _, found in rows for value in found)], margin=0.15, may_be_log=False)
    base = {"type": "scatter", "mode": "lines", "name": "as at first", "x": width, "y": [100.0, 100.0]}
    return {
        "data": [{**base, "line": {"color": GREY, "width": 1}, "hoverinfo": "skip"}, _sessions(rows)],
        "layout": {
            "xaxis": {
                "title": {"text": "session, by month, day and time (UTC)"},
                "tickvals": list(range(1, len(rows) + 1))[::every],
                "ticktext": [one.started_at[5:16].replace("T", " ") for one, _ in rows][::every],
                "range": width,
                "showgrid": False,
            },
            "yaxis": y.layout("time of the first anchor, % of the first session"),
            "hovermode": "closest",
            "showlegend": False,
        },
    }


def _sessions(rows: Sequence[tuple[SessionResult, list[float]]]) -> Trace:
    middles = [sum(found) / len(found) for _, found in rows]
    ends = [min(found) for _, found in rows], [max(found) for _, found in rows]
    colors = [ORANGE if one.conditions.disturbed else BLUE for one, _ in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "session",
        "x": list(range(1, len(rows) + 1)),
        "y": middles,
        "error_y": error_bars(middles, *ends, faded(BLUE, 0.5)),
        "marker": {"color": colors, "size": 9},
        "hovertext": [_session_text(one, at) for (one, _), at in zip(rows, middles, strict=True)],
        "hoverinfo": "text",
    }


def slowness_percent(session: SessionResult) -> list[float]:
    """Return at each reading how slow the device was, by its first anchor, in percent of what counts as 1."""
    if not session.reference_ms:
        return []
    same = [one for one in session.readings if one.median_ms.keys() == session.reference_ms.keys()]
    return [100.0 * slowness(one.median_ms, session.reference_ms) for one in same]


def _session_text(session: SessionResult, percent: float) -> str:
    told = " · disturbed" if session.conditions.disturbed else ""
    moment = session.started_at[:16].replace("T", " ")
    return f"{moment} UTC<br>the first anchor at {percent:.1f} % of the first session{told}"
