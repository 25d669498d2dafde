"""What is meant by a latency decides how networks are timed and which correction predicts it."""

from dataclasses import replace

import pytest

from latency_predictors.device import ExecutionContext
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.measure import NETWORK_PROTOCOL

LAYERS = ExecutionContext("onnxruntime", "1.31.1", threads=2)
METRICS = [
    LatencyMetric(),
    LatencyMetric("p95"),
    LatencyMetric(pause_ms=20.0),
    LatencyMetric(pause_ms=50.0),
    LatencyMetric("p95", pause_ms=20.0),
]


def test_plain_medians_are_what_they_were() -> None:
    """Tables that were calibrated before there was a choice keep their corrections and their measurements."""
    plain = LatencyMetric()
    assert plain.timing == NETWORK_PROTOCOL
    assert plain.context(LAYERS) == LAYERS
    assert plain.correction_key("a" * 64) == "a" * 64


def test_every_metric_has_a_correction_of_its_own() -> None:
    keys = {metric.correction_key(space) for metric in METRICS for space in ("a" * 64, "b" * 64)}
    assert len(keys) == 2 * len(METRICS)
    assert {len(key) for key in keys} == {64}


def test_a_pause_makes_another_context_for_networks_only() -> None:
    paced = LatencyMetric(pause_ms=20.0).context(LAYERS)
    assert paced == replace(LAYERS, pause_ms=20.0)
    assert LatencyMetric("p95").context(LAYERS) == LAYERS


@pytest.mark.parametrize("metric", METRICS)
def test_runs_of_networks_are_timed_one_by_one_and_enough_of_them(metric: LatencyMetric) -> None:
    timing = metric.timing
    assert timing.block_s == 0.0
    assert timing.min_blocks >= (200 if metric.statistic == "p95" else 30)
    # All that has to be measured fits below the ceiling, pauses included.
    assert timing.ceiling_s > timing.min_blocks * metric.pause_ms / 1000
    assert timing.warm_up_ceiling_s > timing.warm_up_runs * metric.pause_ms / 1000


def test_metrics_are_named_for_people() -> None:
    assert [metric.label for metric in METRICS] == [
        "median",
        "p95",
        "median with pauses of 20 ms",
        "median with pauses of 50 ms",
        "p95 with pauses of 20 ms",
    ]
