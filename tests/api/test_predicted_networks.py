"""What is told of single architectures is what a search believes of them, by the same functions."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from api.devices import list_tables
from api.predicted_networks import predicted_networks
from api.predictions import Predictions, Wish, predict_costs
from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import Costs
from nas.candidates import Interval
from nas.pipeline.costs import EXACT, cost_predictors, known_predictors, latency_predictor
from nas.pipeline.sites import Site
from nas.report.numbers import interval, plain
from nas.report.words import cost_text
from nas.settings import Settings
from search_spaces.catalogue import get_space
from search_spaces.sampling import random_architectures
from tests.api.handmade import SPACE, lookup_table, saved_table

GREY = Wish(preset="tiny", in_channels=1, num_random=3)
ARCHS = random_architectures(SPACE, 20, np.random.default_rng(5))
FP32 = host_context()
INT8 = replace(FP32, precision="int8")
KNOWN = replace(host_device(), cpu_features=("avx", "avx2"))


def profiled(context: ExecutionContext, features: tuple[str, ...] = KNOWN.cpu_features) -> LookupTable:
    """A table of this machine in a context, as if its processor had some instruction sets."""
    device = replace(host_device(), cpu_features=features)
    return lookup_table().model_copy(update={"device": device, "context": context})


def shown(found: Predictions, width: int) -> str:
    """What a terminal shows."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(found)
    return console.export_text()


@pytest.mark.parametrize("context", [FP32, INT8, replace(FP32, batch=8), replace(FP32, runtime="openvino")])
def test_costs_are_those_that_a_search_asks_for(context: ExecutionContext) -> None:
    table = profiled(context)
    latency = latency_predictor(SPACE, table).predict(ARCHS)
    networks = predicted_networks(SPACE, ARCHS, latency, Site.of(table))
    asked = cost_predictors(SPACE, table)
    told = {name for name in asked if getattr(networks[0], name, None) is not None}
    assert told == {"latency_ms", "file_bytes", *EXACT} | ({"arena_bytes"} & asked.keys())
    for name in told:
        figures = [getattr(network, name) for network in networks]
        expected = asked[name](ARCHS)
        if isinstance(expected, Interval):
            ends = (expected.lower, expected.point, expected.upper)
        else:
            ends = (expected, expected, expected)
        found = [(figure.lower, figure.value, figure.upper) for figure in figures]
        assert found == list(zip(*ends, strict=True)), name


def test_the_size_of_a_file_is_fitted_and_has_an_interval() -> None:
    latency = latency_predictor(SPACE, profiled(FP32)).predict(ARCHS)
    fp32, int8 = (predicted_networks(SPACE, ARCHS, latency, Site(KNOWN, context)) for context in (FP32, INT8))
    for one, other in zip(fp32, int8, strict=True):
        size = one.file_bytes
        assert (size.kind, other.file_bytes.kind) == ("fitted", "fitted")
        # Four bytes a weight, and less than a hundredth to either side of what is said of them.
        assert 4 * one.num_params.value < size.lower < size.value < size.upper < 1.01 * size.value
        assert other.file_bytes.value < size.value


def test_the_arena_is_told_where_its_rules_are_followed(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    here = lookup_table()
    saved_table(tmp_path, here)
    networks = predict_costs(settings, GREY).networks
    assert ("arena_bytes" in known_predictors(SPACE, here)) == (networks[0].arena_bytes is not None)
    latency = latency_predictor(SPACE, here).predict(ARCHS)
    for network in predicted_networks(SPACE, ARCHS, latency, Site(KNOWN, FP32)):
        assert network.arena_bytes is not None
        assert network.arena_bytes.kind == "modelled"
        assert network.arena_bytes.value >= network.peak_memory_bytes.value
    for site in (
        Site(KNOWN, replace(FP32, runtime="openvino")),
        Site(KNOWN, replace(FP32, batch=8)),
        Site(replace(KNOWN, cpu_features=("asimd",)), FP32),
    ):
        assert {one.arena_bytes for one in predicted_networks(SPACE, ARCHS, latency, site)} == {None}


def test_networks_with_branches_have_a_size_and_no_arena() -> None:
    cells = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    archs = random_architectures(cells, 5, np.random.default_rng(0))
    ones = np.ones(len(archs))
    for network in predicted_networks(
        cells, archs, Costs(ones, ones, ones, ones, "table"), Site(KNOWN, FP32)
    ):
        assert network.arena_bytes is None
        assert network.file_bytes.lower < network.file_bytes.value < network.file_bytes.upper


@pytest.mark.parametrize("features", [KNOWN.cpu_features, ("asimd",)])
def test_sizes_have_columns_and_no_number_is_cut(tmp_path: Path, features: tuple[str, ...]) -> None:
    saved_table(tmp_path, profiled(FP32, features))
    settings = Settings(home=tmp_path)
    (table,) = list_tables(settings).tables
    found = predict_costs(settings, replace(GREY, table=table.name))
    wide, narrow = shown(found, 200), shown(found, 80)
    heads = next(line for line in wide.splitlines() if line.startswith("architecture"))
    assert "file size" in heads
    assert ("arena" in heads) == (features == KNOWN.cpu_features)
    for network in found.networks:
        assert f" {cost_text('file_bytes', network.file_bytes.value)} " in wide
        if network.arena_bytes is not None:
            assert f" {cost_text('arena_bytes', network.arena_bytes.value)} " in wide
        row = next(line for line in narrow.splitlines() if line.startswith(network.architecture_digest[:12]))
        assert f" {plain(network.file_bytes.value / 1024)} " in row
        assert f" {plain(network.num_params.value / 1e3)} k" in row
        bounds = (network.latency_ms.value, network.latency_ms.lower, network.latency_ms.upper)
        assert f" {interval(*bounds)} " in row
    assert "file sizes are fitted to exported files" in wide
