"""What predicts energies, and refuses those of another meter."""

import numpy as np
import pytest

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.energy_figure import EnergyFigure, Scope
from latency_predictors.energy_sessions import SessionsEnergy
from nas.pipeline.energy_model import EnergyModel, energy_of
from tests.nas.report.documents import figure, network

WATTS, CALL_MJ = 4.0, 0.5


def point(number: int) -> CalibrationPoint:
    sum_ms = 0.2 + 0.1 * number
    energy = WATTS * sum_ms + CALL_MJ
    return CalibrationPoint(
        digest=f"{number}",
        sum_ms=sum_ms,
        num_layers=10 + number,
        num_macs=1,
        measured_ms=energy,
        rel_sd=0.001,
    )


def seen(gross_mj: float, scope: Scope = "board") -> SessionsEnergy:
    gross, net = (EnergyFigure(mj, 0.9 * mj, 1.1 * mj, "measured", scope) for mj in (gross_mj, gross_mj / 2))
    return SessionsEnergy(gross, net, WATTS, 0.01, "a meter")


MODEL = EnergyModel.of([point(number) for number in range(12)], "a meter", "board")


def test_a_power_and_an_energy_of_each_inference_are_fitted() -> None:
    found = MODEL.correction
    assert (found.a, found.b) == pytest.approx((WATTS, CALL_MJ))
    assert found.kind == "fitted"
    more = MODEL.refitted([point(30).model_copy(update={"predicted_ms": (0.0, 1.0)})])
    assert more.correction.kind == "fitted"
    assert more.correction.report is not None
    assert (more.correction.report.num_networks, more.correction.report.verified_coverage) == (13, 0.0)
    assert MODEL.refitted([]) is MODEL


def test_results_tell_how_good_it_is_and_whether_energy_tells_more_than_latency() -> None:
    networks = [
        network(f"n{ms}", ms, 0.9).model_copy(
            update={"energy": energy_of(seen(mj)), "predicted_energy": figure(mj, 0.1, "fitted")}
        )
        for ms, mj in ((0.1, 1.0), (0.2, 2.0), (0.3, 1.5))
    ]
    told = MODEL.summary(networks)
    assert (told.num_networks, told.verified_coverage, told.meter) == (12, 1.0, "a meter")
    assert told.correlation == pytest.approx(0.5)
    assert MODEL.summary(networks[:2]).correlation is None
    assert MODEL.summary([]).verified_coverage is None
    shown = networks[0].energy
    assert shown is not None
    assert np.allclose([shown.gross_lower_mj, shown.gross_upper_mj, shown.net_mj], [0.9, 1.1, 0.5])
