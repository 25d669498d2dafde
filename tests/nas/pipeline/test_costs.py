"""The costs that a search asks for."""

from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.arena import runtime_arena
from latency_predictors.device import host_context, host_device
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, share_key
from latency_predictors.memory import boundary_mib, peak_memory_bytes, touched_mib
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.costs import (
    cost_predictors,
    known_predictors,
    latency_predictor,
    network_arena,
    num_uncalibrated,
    require_arena,
)
from nas.pipeline.sites import Site
from nas.pipeline.tables import latest_table
from search_spaces.base import FloatArray, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.network import layers, network
from search_spaces.sampling import as_architecture, random_architectures, smallest
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here


@pytest.fixture
def table(finished: FinishedSearch) -> LookupTable:
    return latest_table(finished.home.stores, here())


def test_shapes_are_worked_out_from_the_layers(finished: FinishedSearch, table: LookupTable) -> None:
    space = finished.context().space
    archs = random_architectures(space, 20, np.random.default_rng(0))
    predictors = cost_predictors(space, table)
    nets = [layers(space, as_architecture(row)) for row in archs]
    expected = {
        "num_params": [sum(spec.num_params for spec in specs) for specs in nets],
        "num_macs": [sum(spec.macs for spec in specs) for specs in nets],
        "peak_memory_bytes": [peak_memory_bytes(network(space, as_architecture(row))) for row in archs],
    }
    for name, values in expected.items():
        found = predictors[name](archs)
        assert isinstance(found, np.ndarray)
        assert found.tolist() == values


def test_sizes_of_files_have_an_interval(finished: FinishedSearch, table: LookupTable) -> None:
    space, by_name = finished.context().space, {one.name: one for one in finished.target.networks}
    choices = [choice.name for choice in space.choices]
    for one in by_name.values():
        options = [one.architecture[name] for name in choices]
        arch = np.array(
            [[choice.options.index(option) for choice, option in zip(space.choices, options, strict=True)]]
        )
        found = cost_predictors(space, table)["file_bytes"](arch)
        assert not isinstance(found, np.ndarray)
        assert found.lower[0] <= one.file_bytes <= found.upper[0]


def test_latency_is_the_corrected_sum_of_the_table(finished: FinishedSearch, table: LookupTable) -> None:
    space = finished.context().space
    archs = random_architectures(space, 20, np.random.default_rng(1))
    correction = table.corrections[space_digest(space)]
    nets = [layers(space, as_architecture(row)) for row in archs]
    sums: FloatArray = np.array(
        [
            table.costs_ms(specs) @ [1.0 + correction.shares.get(share_key(spec), 0.0) for spec in specs]
            for specs in nets
        ]
    )
    boundaries = np.array([sum(boundary_mib(spec) for spec in specs) for specs in nets])
    touched = np.array([sum(touched_mib(spec, 1) for spec in specs) for specs in nets])
    by_hand = (
        correction.a * sums
        + correction.b
        - correction.c * np.array([len(specs) for specs in nets])
        - correction.d * boundaries
        + correction.e * np.maximum(touched - correction.cache_mib, 0.0)
    )
    found = latency_predictor(space, table).predict(archs)
    assert found.point == pytest.approx(np.maximum(by_hand, correction.floor_ms), rel=1e-3)
    assert np.all((found.lower < found.point) & (found.point < found.upper))
    assert found.kind == "table"
    # The stopwatch counts nodes and bytes, which layers share fairly: the sum has to order networks well.
    assert np.corrcoef(sums, found.point)[0, 1] > 0.95


def test_a_latency_that_was_not_calibrated_is_not_predicted_by_another(table: LookupTable) -> None:
    space = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    with pytest.raises(MeasurementError) as caught:
        latency_predictor(space, table, LatencyMetric("p95"))
    assert caught.value.code == "not_profiled"


def test_a_space_that_was_not_profiled_has_no_latency(table: LookupTable) -> None:
    other = get_space("mobilenet_v3", preset="tiny", num_classes=4, in_channels=3)
    with pytest.raises(MeasurementError) as caught:
        latency_predictor(other, table)
    assert caught.value.code == "not_profiled"
    assert "mobilenet_v3/tiny" in caught.value.message
    assert "hwnas devices profile" in caught.value.message


def test_the_arena_is_told_where_the_rules_of_the_runtime_are_known() -> None:
    chain = get_space("mobilenet_v3", preset="tiny", num_classes=4, in_channels=3)
    known = replace(host_device(), cpu_features=("avx", "avx2"))
    context = host_context()
    table = LookupTable(device=known, context=context)
    archs = random_architectures(chain, 5, np.random.default_rng(3))
    found = known_predictors(chain, table)["arena_bytes"](archs)
    assert isinstance(found, np.ndarray)
    nodes = [network(chain, as_architecture(row)) for row in archs]
    assert found.tolist() == [runtime_arena(one, known) for one in nodes]
    require_arena(chain, Site(known, context))
    # Of one network, in the precision in which it runs.
    one = as_architecture(archs[0])
    assert network_arena(chain, one, Site(known, context)) == found[0]
    int8 = network_arena(chain, one, Site(known, replace(context, precision="int8")))
    assert int8 == runtime_arena(nodes[0], known, "int8") != found[0]
    cells = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    for space, site in (
        (cells, Site(known, context)),
        (chain, Site(replace(known, cpu_features=("asimd",)), context)),
        (chain, Site(known, replace(context, batch=2))),
        (chain, Site(known, replace(context, runtime="openvino"))),
    ):
        with pytest.raises(MeasurementError, match="limit peak_memory_bytes") as caught:
            require_arena(space, site)
        assert network_arena(space, as_architecture(smallest(space)[0]), site) is None
        assert caught.value.code == "arena_unknown"
        assert "arena_bytes" not in known_predictors(
            space, LookupTable(device=site.device, context=site.context)
        )


def test_memory_is_that_of_the_batch_and_weights_and_work_are_not() -> None:
    space = get_space("mobilenet_v3", preset="tiny", num_classes=4, in_channels=3)
    archs = random_architectures(space, 5, np.random.default_rng(4))
    one, eight = (
        known_predictors(
            space, LookupTable(device=host_device(), context=replace(host_context(), batch=batch))
        )
        for batch in (1, 8)
    )
    ratios = {
        name: np.unique(np.divide(eight[name](archs), one[name](archs))).tolist()  # type: ignore[arg-type]
        for name in ("peak_memory_bytes", "num_params", "num_macs")
    }
    assert ratios == {"peak_memory_bytes": [8.0], "num_params": [1.0], "num_macs": [1.0]}


def test_networks_are_to_be_measured_for_each_latency_that_has_no_correction(
    finished: FinishedSearch, table: LookupTable
) -> None:
    space = finished.context().space
    assert num_uncalibrated(space, table) == 0
    assert num_uncalibrated(space, table, LatencyMetric("p95")) == NUM_CALIBRATION
    assert num_uncalibrated(space, table.model_copy(update={"corrections": {}})) == NUM_CALIBRATION
