"""Latencies other than plain medians are predicted from networks that were measured so, or not at all."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from api.predictions import Wish, predict_costs
from latency_predictors.calibration import calibrate
from latency_predictors.lookup_table import LookupTable
from nas.settings import Settings
from nas.specs import LatencySpec
from search_spaces.base import space_digest
from search_spaces.errors import MeasurementError
from tests.api.handmade import SPACE, lookup_table, saved_table

GREY = Wish(preset="tiny", in_channels=1)
TAIL = LatencySpec(statistic="p95", mode="paced", pause_ms=20)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def with_tail(table: LookupTable) -> LookupTable:
    """The same table, and its networks took half as long again in the tail."""
    points = [
        one.model_copy(update={"measured_ms": 1.5 * one.measured_ms})
        for one in table.corrections[space_digest(SPACE)].points
    ]
    correction = calibrate(points).model_copy(update={"metric": TAIL.metric})
    return table.with_correction(TAIL.metric.correction_key(space_digest(SPACE)), correction)


@pytest.mark.parametrize("fill", [False, True])
def test_a_tail_is_predicted_from_networks_that_were_measured_for_it(settings: Settings, fill: bool) -> None:
    saved_table(settings.home, with_tail(lookup_table()))
    plain = predict_costs(settings, replace(GREY, fill=fill))
    tail = predict_costs(settings, replace(GREY, fill=fill, latency=TAIL))
    assert (plain.latency, tail.latency) == ("median", "p95 with pauses of 20 ms")
    values = [found.networks[0].latency_ms.value for found in (tail, plain)]
    assert values[0] == pytest.approx(1.5 * values[1], rel=1e-3)
    console = Console(width=200, file=io.StringIO(), record=True)
    console.print(tail)
    assert "latency (p95 with pauses of 20 ms)" in console.export_text()


@pytest.mark.parametrize("fill", [False, True])
def test_a_tail_that_no_network_was_measured_for_is_refused(settings: Settings, fill: bool) -> None:
    saved_table(settings.home, lookup_table())
    with pytest.raises(MeasurementError, match="no correction of .* for p95 with pauses of 20 ms") as caught:
        predict_costs(settings, replace(GREY, fill=fill, latency=TAIL))
    assert caught.value.code == "no_profile"
    assert "`latency: {statistic: p95, mode: paced, pause_ms: 20.0}` in its target" in caught.value.message


def test_layers_that_are_missing_are_told_in_any_case(settings: Settings) -> None:
    table = with_tail(lookup_table())
    saved_table(settings.home, table.model_copy(update={"entries": dict(list(table.entries.items())[1:])}))
    with pytest.raises(MeasurementError, match="1 of 142 layers are not measured"):
        predict_costs(settings, replace(GREY, latency=TAIL))
