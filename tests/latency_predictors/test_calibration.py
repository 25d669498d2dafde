import numpy as np
import pytest

from latency_predictors.calibration import (
    calibrate,
    calibration_point,
    fit_points,
    predict_points,
    refit,
    spread_by_cost,
)
from latency_predictors.correction import CalibrationPoint
from latency_predictors.lookup_table import LookupTable, layer_key
from search_spaces.layers import ConvNormAct
from tests.latency_predictors.invented import networks
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session


def points(m: int, seed: int = 0, d: float = 0.0) -> list[CalibrationPoint]:
    found = networks(np.random.default_rng(seed), m, d=d, noise=0.01)
    return [
        CalibrationPoint(
            digest=f"{seed}-{i}",
            sum_ms=found.sums[i],
            num_layers=int(found.layers[i]),
            num_macs=1000 + i,
            measured_ms=found.measured[i],
            rel_sd=0.001,
            boundary_mib=found.boundary[i],
        )
        for i in range(m)
    ]


def test_a_point_is_what_the_table_says_of_the_layers() -> None:
    layers = [ConvNormAct((3, 8, 8), 4, 3, 1, "relu"), ConvNormAct((4, 8, 8), 8, 3, 2, "relu")]
    costs = {layer_key(layers[0]): 0.1, layer_key(layers[1]): 0.3}
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(layers, [session("s1", costs)])
    point = calibration_point(table, layers, digest="net", measured_ms=0.35, rel_sd=0.01)
    assert point.sum_ms == pytest.approx(0.4)
    assert point.num_layers == 2
    assert point.num_macs == 3 * 4 * 9 * 64 + 4 * 8 * 9 * 16
    assert point.boundary_mib == 4 * (3 * 64 + 4 * 64 + 4 * 64 + 8 * 16) / 2**20
    assert (point.digest, point.measured_ms, point.rel_sd) == ("net", 0.35, 0.01)


def test_points_are_predicted_with_all_terms() -> None:
    seen = points(20, d=0.1)
    correction = fit_points(seen)
    assert "d" in correction.terms
    point, factor = predict_points(correction, seen)
    measured = np.array([one.measured_ms for one in seen])
    assert np.median(np.abs(point / measured - 1)) < 0.015
    assert (factor == 1 + correction.half_width).all()


def test_points_stored_without_boundaries_still_calibrate() -> None:
    old = [point.model_copy(update={"boundary_mib": 0.0}) for point in points(10, d=0.1)]
    correction = calibrate([*old, *points(10, seed=1, d=0.1)])
    assert "d" not in correction.terms
    assert correction.kind == "table"


def test_a_refit_keeps_old_networks_and_replaces_those_measured_again() -> None:
    first = calibrate(points(10))
    again = first.points[3].model_copy(update={"measured_ms": 99.0})
    second = refit(first, [again, *points(5, seed=1)])
    assert [point.digest for point in second.points] == [f"0-{i}" for i in range(10)] + [
        f"1-{i}" for i in range(5)
    ]
    assert second.points[3].measured_ms == 99.0
    assert second.report is not None
    assert second.report.num_networks == 15
    assert first.points[3].measured_ms != 99.0


def test_calibration_without_networks_is_the_bare_sum() -> None:
    correction = calibrate([])
    assert (correction.kind, correction.report, correction.points) == ("modelled", None, ())


def test_chosen_networks_span_the_costs() -> None:
    costs = np.exp(np.random.default_rng(0).normal(0, 1, 500))
    chosen = spread_by_cost(costs, 20, np.random.default_rng(1))
    assert len(set(chosen.tolist())) == 20
    picked = costs[chosen]
    assert (np.diff(picked) >= 0).all()
    assert (picked[0], picked[-1]) == (costs.min(), costs.max())
    steps = np.diff(np.log(picked))
    assert steps.max() < 3 * np.log(picked[-1] / picked[0]) / 19


def test_all_are_chosen_where_there_are_not_enough() -> None:
    chosen = spread_by_cost(np.array([3.0, 1.0, 2.0]), 10, np.random.default_rng(0))
    assert chosen.tolist() == [1, 2, 0]
