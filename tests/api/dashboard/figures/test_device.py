"""Figures of a device say how good its predictions are, and how steady it was."""

import pytest

from api.calibrations import NetworkLine
from api.dashboard.figures.device import calibration_figure, drift_figure, slowness_percent
from latency_predictors.device import host_context, host_device
from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.protocol import AnchorReading, Conditions, SessionResult


def line(predicted: float, measured: float, *, verified: bool) -> NetworkLine:
    return NetworkLine(
        digest="d",
        predicted_ms=predicted,
        lower_ms=0.9 * predicted,
        upper_ms=1.2 * predicted,
        measured_ms=measured,
        verified=verified,
    )


def session(*anchors_ms: float, busy: bool = False) -> SessionResult:
    """A session whose only anchor took 2 ms at first, and these times now."""
    return SessionResult(
        session_id="s",
        started_at="2026-03-04T05:06:07+00:00",
        device=host_device(),
        context=host_context(),
        timing=LAYER_PROTOCOL,
        cpus=(0,),
        results=(),
        readings=tuple(AnchorReading(at_ns=n, median_ms={"a": ms}) for n, ms in enumerate(anchors_ms)),
        reference_ms={"a": 2.0},
        conditions=Conditions(too_busy=busy),
    )


def test_predictions_stand_against_measurements_with_their_intervals() -> None:
    chart = calibration_figure([line(0.2, 0.21, verified=False), line(0.4, 0.39, verified=True)])
    drawn = {trace["name"]: trace for trace in chart["data"]}
    own = drawn["verified by searches"]
    assert (own["x"], own["y"]) == ([0.4], [0.39])
    assert own["error_x"]["array"] == pytest.approx([0.08])
    assert own["error_x"]["arrayminus"] == pytest.approx([0.04])
    assert drawn["calibrated with, left out once"]["x"] == [0.2]
    assert calibration_figure([])["data"] == []


def test_a_session_is_as_slow_as_its_anchors() -> None:
    assert slowness_percent(session(2.0, 2.2)) == pytest.approx([100.0, 110.0])
    chart = drift_figure([session(2.0, 2.2), session(3.0, busy=True)])
    points = chart["data"][-1]
    assert points["y"] == pytest.approx([105.0, 150.0])
    assert points["error_y"]["array"] == pytest.approx([5.0, 0.0])
    assert points["marker"]["color"][0] != points["marker"]["color"][1]
    assert "disturbed" in points["hovertext"][1]


def test_sessions_without_anchors_are_left_out() -> None:
    assert drift_figure([session()])["data"] == []
    assert drift_figure([])["data"] == []
