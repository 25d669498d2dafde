"""What is measured is said beforehand, once, with how long it takes."""

from dataclasses import replace

import pytest

from latency_predictors.device import host_context, host_device
from latency_predictors.latency_metric import LatencyMetric
from nas.pipeline.announcement import announce, num_announced
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder

PRECISION = {precision: here(replace(host_context(), precision=precision)) for precision in ("fp32", "int8")}


@pytest.mark.parametrize(
    ("precision", "num_layers", "num_networks", "words"),
    [
        ("fp32", 142, 24, "142 layers and 24 whole networks"),
        ("fp32", 1, 0, "1 layer"),
        ("fp32", 0, 24, "24 whole networks"),
        ("fp32", 0, 0, "which graphs the runtime runs"),
        ("int8", 9, 1, "9 layers in int8 (quantised on random inputs of a fixed seed) and 1 whole network"),
    ],
)
def test_it_says_what_where_and_for_how_long(
    home: Home, precision: str, num_layers: int, num_networks: int, words: str
) -> None:
    progress = Recorder()
    announce(home.context(progress), PRECISION[precision], num_layers, num_networks, 125.2)
    assert progress.said == [f"measuring {words} on {host_device().label}, for about 2 min 5 s"]


def test_it_is_said_once_a_context_and_layers_are_remembered(home: Home) -> None:
    progress = Recorder()
    ctx = home.context(progress)
    for site in PRECISION.values():
        for _ in range(2):
            announce(ctx, site, 9, 24, 10.0)
            announce(ctx, site, 0, 24, 5.0)
    assert len(progress.said) == 2
    assert [num_announced(ctx, site) for site in PRECISION.values()] == [9, 9]


def test_networks_are_announced_once_a_metric_also_after_layers(home: Home) -> None:
    progress = Recorder()
    ctx = home.context(progress)
    metrics = [LatencyMetric(), LatencyMetric("p95"), LatencyMetric("p95", pause_ms=20.0)]
    for metric in metrics:
        announce(ctx, here(), 9, 24, 10.0, metric)
    for metric in [*metrics, *metrics]:
        announce(ctx, here(), 0, 24, 5.0, metric)
    assert [words.split(" on ")[0] for words in progress.said] == [
        "measuring 9 layers and 24 whole networks",
        "measuring 24 whole networks (p95)",
        "measuring 24 whole networks (p95 with pauses of 20 ms)",
    ]
    assert num_announced(ctx, here()) == 9


def test_layers_are_announced_also_where_something_else_was_before(home: Home) -> None:
    progress = Recorder()
    ctx = home.context(progress)
    for _ in range(2):
        announce(ctx, here(), 0, 0, 4.0)
    assert num_announced(ctx, here()) == 0
    announce(ctx, here(), 9, 0, 4.0)
    assert [words.split(" on ")[0] for words in progress.said] == [
        "measuring which graphs the runtime runs",
        "measuring 9 layers",
    ]
    assert num_announced(ctx, here()) == 9
