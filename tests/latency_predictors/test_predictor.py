import math
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from latency_predictors.correction import Correction
from latency_predictors.filling import with_unsupported
from latency_predictors.fitting import fit_correction, regressors
from latency_predictors.lookup_table import LookupTable, layer_key, share_key
from latency_predictors.predictor import (
    CostPredictor,
    MultiTargetPredictor,
    exact_cost,
    require_supported,
    unsupported_layers,
)
from latency_predictors.probes import RuntimeGraph
from latency_predictors.table_entry import Unsupported
from search_spaces.base import Architecture, FloatArray, IntArray, SearchSpace
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.layers import LayerSpec
from search_spaces.network import layers, network
from search_spaces.sampling import as_architecture, random_architectures
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)


def target(space: SearchSpace, seed: int, m: int = 20) -> tuple[LookupTable, Correction]:
    """A table of random costs, and a correction fitted on m random networks that the model describes."""
    rng = np.random.default_rng(seed)
    specs = distinct_layers(space)
    costs = {layer_key(spec): 0.005 + 0.1 * rng.random() for spec in specs}
    table = LookupTable(device=DEVICE, context=CONTEXT).merged(specs, [session("s1", costs)])
    sums, counts, boundary, _, spread = naive_sums(space, table, random_architectures(space, m, rng))
    measured = (0.9 * sums + 0.02 - 0.001 * counts - 0.05 * boundary) * np.exp(rng.normal(0, 0.002, m))
    columns = regressors(sums, counts, boundary_mib=boundary)
    return table, fit_correction(columns, measured, spread_ms=spread)


def naive_sums(
    space: SearchSpace,
    table: LookupTable,
    archs: IntArray,
    shares: Mapping[str, float] = MappingProxyType({}),
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """Sums of entries with shares, numbers of layers, boundaries, those and weights, spreads; one by one."""
    found = [layers(space, as_architecture(row)) for row in archs]
    sums = [
        sum(
            table.entries[layer_key(spec)].median_ms * (1.0 + shares.get(share_key(spec), 0.0))
            for spec in specs
        )
        for specs in found
    ]
    values = [sum(math.prod(spec.in_shape) + math.prod(spec.out_shape) for spec in specs) for specs in found]
    offs = [[table.entries[layer_key(spec)] for spec in specs] for specs in found]
    spread = [math.sqrt(sum((one.median_ms * one.rel_sd) ** 2 for one in entries)) for entries in offs]
    counts = [float(len(specs)) for specs in found]
    weights = [float(sum(spec.num_params for spec in specs)) for specs in found]
    mib = 4 / 2**20
    return (
        np.array(sums),
        np.array(counts),
        np.array(values) * mib,
        (np.array(values) + np.array(weights)) * mib,
        np.array(spread),
    )


def test_images_of_a_batch_touch_more() -> None:
    table, correction = target(TINY, 0)
    told = correction.model_copy(update={"d": 0.03, "e": 0.1, "cache_mib": 0.1, "floor_ms": 0.0})
    in_eights = table.model_copy(update={"context": replace(table.context, batch=8)})
    archs = random_architectures(TINY, 50, np.random.default_rng(9))
    found = MultiTargetPredictor(TINY, {"one": (table, told), "eight": (in_eights, told)}).predict(archs)
    _, _, boundary, touched, _ = naive_sums(TINY, table, archs)
    more = 0.1 * (np.maximum(touched + 7 * boundary - 0.1, 0.0) - np.maximum(touched - 0.1, 0.0))
    assert more.min() > 0
    np.testing.assert_allclose(found["eight"].point - found["one"].point, more, rtol=1e-4)


@pytest.mark.parametrize("space", [TINY, CELL], ids=["chain", "cell"])
def test_predictions_are_those_of_a_loop_over_architectures(space: SearchSpace) -> None:
    targets = {f"target {seed}": target(space, seed) for seed in range(3)}
    table, correction = target(space, 3)
    assert correction.hull is not None
    touching_less = correction.hull.model_copy(update={"touched_mib": (0.05, 0.2)})
    every_term: dict[str, object] = {"b": 0.02, "c": 0.002, "d": 0.03, "e": 0.1, "cache_mib": 0.1, "f": 5.0}
    every_term["hull"] = touching_less
    targets["all terms"] = (table, correction.model_copy(update=every_term))
    specs = distinct_layers(space)
    shares = dict(zip(map(share_key, specs), np.linspace(-0.1, 0.1, len(specs)).tolist(), strict=True))
    targets["shares"] = (table, correction.model_copy(update={"shares": shares}))
    # Of networks whose entries were surer than all of these.
    sure = correction.hull.model_copy(update={"max_spread": 0.001})
    targets["wider"] = (table, correction.model_copy(update={"hull": sure}))
    archs = random_architectures(space, 300, np.random.default_rng(9))
    predicted = MultiTargetPredictor(space, targets).predict(archs)
    assert list(predicted) == list(targets)
    for name, (table, correction) in targets.items():
        sums, counts, boundary, touched, spread = naive_sums(space, table, archs, correction.shares)
        exact = correction.a * sums + correction.b - correction.c * counts - correction.d * boundary
        exact += correction.e * np.maximum(touched - correction.cache_mib, 0.0)
        giga_macs = exact_cost(space, "num_macs")(archs) / 1e9
        exact += correction.f * giga_macs
        point = np.maximum(exact, correction.floor_ms)
        columns = regressors(sums, counts, boundary_mib=boundary, touched_mib=touched, giga_macs=giga_macs)
        factor = correction.factor(columns, correction.a * spread / point)
        np.testing.assert_allclose(predicted[name].point, point, rtol=2e-6)
        np.testing.assert_allclose(predicted[name].lower, point / factor, rtol=2e-6)
        np.testing.assert_allclose(predicted[name].upper, point * factor, rtol=2e-6)
        assert predicted[name].kind_of(0) == "table"
        assert (predicted[name].coverage == 1.0).all()


@pytest.mark.parametrize("space", [TINY, CELL], ids=["chain", "cell"])
@pytest.mark.parametrize("filled", [False, True])
def test_layers_of_no_or_few_calibration_networks_widen_the_interval(
    space: SearchSpace, filled: bool
) -> None:
    table, correction = target(space, 0)
    specs = distinct_layers(space)
    if filled:
        entries = {key: entry.model_copy(update={"kind": "fitted"}) for key, entry in table.entries.items()}
        table = table.model_copy(update={"entries": entries})
    shares = {share_key(spec): 0.01 for spec in specs[1:]}
    shared = correction.model_copy(update={"shares": shares, "seldom": (share_key(specs[-1]),)})
    archs = random_architectures(space, 300, np.random.default_rng(9))
    told = {"shared": (table, shared), "told": (table, shared.model_copy(update={"share_sd": 0.2}))}
    found = MultiTargetPredictor(space, told, filled=filled).predict(archs)
    unseen_ms = [
        sum(
            table.entries[layer_key(one)].median_ms
            for one in layers(space, as_architecture(row))
            if one in (specs[0], specs[-1])
        )
        for row in archs
    ]
    point = found["shared"].point
    np.testing.assert_array_equal(found["told"].point, point)
    half, wider = (found[name].upper / point - 1.0 for name in told)
    beyond = 1.644854 * 0.2 * correction.a * np.array(unseen_ms) / point
    np.testing.assert_allclose(wider, np.hypot(half, beyond), rtol=1e-4)
    assert np.count_nonzero(unseen_ms) > 0


def test_one_target_is_a_case_of_several() -> None:
    table, correction = target(TINY, 0)
    archs = random_architectures(TINY, 50, np.random.default_rng(1))
    alone = CostPredictor(TINY, table, correction).predict(archs)
    beside = MultiTargetPredictor(TINY, {"other": target(TINY, 1), "it": (table, correction)}).predict(archs)
    np.testing.assert_allclose(alone.point, beside["it"].point, rtol=1e-6)
    np.testing.assert_allclose(alone.upper, beside["it"].upper, rtol=1e-6)


def test_an_unchecked_sum_says_so() -> None:
    table, correction = target(TINY, 0, m=2)
    costs = CostPredictor(TINY, table, correction).predict(
        random_architectures(TINY, 5, np.random.default_rng(1))
    )
    assert costs.kind == "modelled"
    # Twice as much, and a little more: entries of one session are not sure either.
    assert (costs.upper > 2 * costs.point).all()
    np.testing.assert_allclose(costs.upper, 2 * costs.point, rtol=1e-3)


def test_a_table_that_lacks_a_layer_is_refused() -> None:
    table, correction = target(TINY, 0)
    entries = dict(table.entries)
    entries.popitem()
    with pytest.raises(MeasurementError) as caught:
        CostPredictor(TINY, table.model_copy(update={"entries": entries}), correction)
    assert caught.value.code == "missing_layers"


def test_exact_costs_are_those_of_the_layers() -> None:
    archs = random_architectures(TINY, 100, np.random.default_rng(0))
    networks = [layers(TINY, as_architecture(row)) for row in archs]
    assert exact_cost(TINY, "num_macs")(archs).tolist() == [sum(s.macs for s in specs) for specs in networks]
    assert exact_cost(TINY, "num_params")(archs).tolist() == [
        sum(s.num_params for s in specs) for specs in networks
    ]
    assert exact_cost(TINY, "peak_memory_bytes")(archs).tolist() == [
        max(s.activation_bytes for s in specs) for specs in networks
    ]


def test_a_cost_that_does_not_follow_from_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="num_params") as caught:
        exact_cost(TINY, "latency_ms")
    assert caught.value.code == "unknown_cost"


@pytest.mark.alone
def test_four_targets_and_memory_take_about_a_microsecond_an_architecture() -> None:
    predictor = MultiTargetPredictor(TINY, {f"target {seed}": target(TINY, seed) for seed in range(4)})
    memory = exact_cost(TINY, "peak_memory_bytes")
    archs = random_architectures(TINY, 100_000, np.random.default_rng(0))
    best = float("inf")
    for _ in range(3):
        begin = time.perf_counter()
        predictor.predict(archs)
        memory(archs)
        best = min(best, time.perf_counter() - begin)
    # A quarter of the rate that the benchmark asks for: other tests run at the same time.
    assert len(archs) / best > 250_000


def unable(space: SearchSpace, spec: LayerSpec) -> tuple[LookupTable, Correction]:
    """A table of a runtime that cannot run one layer."""
    table, correction = target(space, 0)
    without = {key: entry for key, entry in table.entries.items() if key != layer_key(spec)}
    why = Unsupported(code="file_not_loadable", message="no such operator")
    return with_unsupported(table.model_copy(update={"entries": without}), {spec: why}), correction


def test_architectures_with_a_layer_that_cannot_be_run_are_told_from_others() -> None:
    spec = next(one for one in distinct_layers(CELL) if one.kind == "act_conv_norm")
    table, correction = unable(CELL, spec)
    archs = random_architectures(CELL, 200, np.random.default_rng(0))
    holds = np.array([spec in layers(CELL, as_architecture(row)) for row in archs])
    assert 0 < holds.sum() < len(archs)
    counts = unsupported_layers(CELL, table)(archs)
    assert ((counts > 0) == holds).all()
    costs = CostPredictor(CELL, table, correction).predict(archs)
    assert np.isfinite(costs.upper).all()
    assert ((costs.coverage < 1) == holds).all()
    require_supported(CELL, table, archs[~holds])
    with pytest.raises(MeasurementError, match="no such operator") as caught:
        require_supported(CELL, table, archs)
    assert caught.value.code == "unsupported_subject"
    assert f"cannot run {holds.sum()} of these 200 architectures" in caught.value.message
    assert spec.signature() in caught.value.message


def test_what_the_runtime_may_skip_is_never_more_than_all_of_it() -> None:
    table, correction = target(CELL, 3)
    graph = RuntimeGraph(drops_dead_branches=True, skips_zeros=True, fuses_norm_and_activation=True)
    skips = table.model_copy(update={"graph": graph})
    for key, entry in table.entries.items():
        slow = {**table.entries, key: entry.model_copy(update={"median_ms": 1e6})}
        one = skips.model_copy(update={"entries": slow})
        costs = CostPredictor(CELL, one, correction).predict(
            random_architectures(CELL, 500, np.random.default_rng(4))
        )
        assert (costs.lower >= 0.0).all()
        assert (costs.coverage >= 0.0).all()


def test_networks_with_layers_that_the_runtime_may_skip_are_fitted_and_may_be_faster_by_their_share() -> None:
    table, correction = target(CELL, 3)
    graph = RuntimeGraph(drops_dead_branches=True, skips_zeros=True, fuses_norm_and_activation=True)
    skips = table.model_copy(update={"graph": graph})
    other = graph.model_copy(update={"precision": "int8"})
    targets = {
        "runs": (table, correction),
        "skips": (skips, correction),
        "unknown": (table.model_copy(update={"graph": other}), correction),
    }
    archs = random_architectures(CELL, 200, np.random.default_rng(4))
    found = MultiTargetPredictor(CELL, targets).predict(archs)
    kept = np.array([1.0 - skipped_share(table, as_architecture(row)) for row in archs])
    assert kept.min() < 0.8
    assert 0.5 < (kept == 1.0).mean() < 1.0
    np.testing.assert_allclose(found["skips"].coverage, kept, rtol=1e-5)
    np.testing.assert_allclose(found["skips"].lower, found["runs"].lower * kept, rtol=1e-5)
    np.testing.assert_array_equal(found["skips"].point, found["runs"].point)
    np.testing.assert_array_equal(found["skips"].upper, found["runs"].upper)
    np.testing.assert_array_equal(found["unknown"].lower, found["runs"].lower)
    kinds = [found["skips"].kind_of(row) for row in range(len(archs))]
    assert kinds == ["table" if share == 1.0 else "fitted" for share in kept]
    assert {found["runs"].kind_of(row) for row in range(len(archs))} == {"table"}


def test_what_was_not_measured_and_may_be_skipped_is_missing_once() -> None:
    table, correction = target(CELL, 3)
    graph = RuntimeGraph(drops_dead_branches=True, skips_zeros=True, fuses_norm_and_activation=True)
    fitted = {key: entry.model_copy(update={"kind": "fitted"}) for key, entry in table.entries.items()}
    update = {"graph": graph, "entries": fitted}
    archs = random_architectures(CELL, 200, np.random.default_rng(4))
    found = CostPredictor(CELL, table.model_copy(update=update), correction, filled=True).predict(archs)
    np.testing.assert_allclose(found.coverage, 0.0, atol=1e-6)


def skipped_share(table: LookupTable, architecture: Architecture) -> float:
    """Share of a sum that layers give which no path leads to from the image."""
    reached, skipped_ms = {"image"}, 0.0
    nodes = network(CELL, architecture)
    for node in nodes:
        if reached.isdisjoint(node.inputs):
            skipped_ms += table.entries[layer_key(node.spec)].median_ms
        else:
            reached.add(node.slot)
    return skipped_ms / sum(table.entries[layer_key(node.spec)].median_ms for node in nodes)
