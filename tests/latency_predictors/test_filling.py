import math
from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.calibration import calibrate
from latency_predictors.filling import MIN_LAYERS, UNCHECKED_REL_SD, filled, with_unsupported
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.predictor import CostPredictor
from latency_predictors.table_entry import Entry, Unsupported
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.layers import ConvNormAct, InvertedResidual, LayerSpec, PooledHead
from search_spaces.sampling import random_architectures
from search_spaces.slot_tables import distinct_layers
from tests.latency_predictors.sessions import CONTEXT, DEVICE, session

TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
SIZES = (4, 8, 16, 32)


def conv(size: int, width: int = 16) -> ConvNormAct:
    return ConvNormAct((8, size, size), width, 3, 1, "relu")


def time_of(spec: LayerSpec) -> float:
    """What a layer takes on a device that a regressor describes exactly."""
    values = math.prod(spec.in_shape) + math.prod(spec.out_shape)
    return 0.002 + 3e-7 * spec.macs + 1e-6 * values + 2e-7 * spec.num_params


def table_of(costs: dict[LayerSpec, float]) -> LookupTable:
    """A table with these layers, each measured in two sessions that differ by 1 %."""
    sessions = [
        session(name, {layer_key(spec): ms * share for spec, ms in costs.items()})
        for name, share in (("s1", 0.995), ("s2", 1.005))
    ]
    return LookupTable(device=DEVICE, context=CONTEXT).merged(list(costs), sessions)


def entry_of(table: LookupTable, spec: LayerSpec) -> Entry:
    return filled(table, [spec]).entries[layer_key(spec)]


def test_a_size_between_two_is_on_the_line_between_them() -> None:
    # Time is size to the power of 0.8: a straight line in logarithms.
    table = table_of({conv(size, width): width * size**1.6 for size in SIZES for width in (8, 16, 24, 32)})
    entry = entry_of(table, conv(12, 24))
    assert entry.median_ms == pytest.approx(24 * 12**1.6, rel=1e-3)
    assert (entry.kind, entry.values) == ("fitted", ())
    # Nothing is off where a size is left out, and nothing is surer than what was measured.
    assert entry.rel_sd == pytest.approx(table.median_rel_sd)


def test_how_far_sizes_are_off_is_found_by_leaving_them_out() -> None:
    # The middle sizes are 20 % above the line: so is what is said of them by the outer ones, the other way.
    bumps = {4: 1.0, 8: 1.2, 16: 1.2, 32: 1.0}
    table = table_of(
        {conv(size, width): width * size**2 * bumps[size] for size in SIZES for width in (8, 16, 24)}
    )
    # 8 is said to be 1.2^(1/2), 16 likewise: off by the square root of 1.2.
    expected = math.log(1.2) / 2
    assert entry_of(table, conv(12)).rel_sd == pytest.approx(expected, rel=0.02)


def test_sizes_beyond_those_measured_are_not_interpolated() -> None:
    specs = [conv(size, width) for size in SIZES for width in (8, 16, 24, 32)]
    table = table_of({spec: time_of(spec) for spec in specs})
    beyond = conv(64)
    entry = entry_of(table, beyond)
    assert entry.median_ms == pytest.approx(time_of(beyond), rel=1e-3)
    assert entry.kind == "fitted"


def test_a_layer_is_predicted_from_its_shapes() -> None:
    layers = distinct_layers(TINY)
    rng = np.random.default_rng(0)
    left_out = set(rng.choice(len(layers), 20, replace=False).tolist())
    noise = np.exp(rng.normal(0, 0.05, len(layers)))
    costs = {spec: time_of(spec) * noise[i] for i, spec in enumerate(layers) if i not in left_out}
    table = filled(table_of(costs), layers)
    blocks = [
        (table.entries[layer_key(spec)], time_of(spec))
        for i, spec in enumerate(layers)
        if i in left_out and isinstance(spec, InvertedResidual)
    ]
    assert len(blocks) > 10
    for entry, truth in blocks:
        assert entry.kind == "fitted"
        # The regressor describes the device: what is left is the noise, and it says so.
        assert abs(math.log(entry.median_ms / truth)) < 0.15
        assert 0.02 < entry.rel_sd < 0.15


def test_a_kind_that_was_never_measured_is_told_to_be_far_off() -> None:
    table = table_of(
        {conv(size, width): time_of(conv(size, width)) for size in SIZES for width in (8, 16, 24)}
    )
    entry = entry_of(table, PooledHead((16, 8, 8), 0, "relu", 10))
    assert entry.median_ms > 0.0
    assert entry.rel_sd >= UNCHECKED_REL_SD


def test_nothing_is_for_nothing() -> None:
    # Where time does not follow the shapes, a line through it may reach zero.
    rng = np.random.default_rng(0)
    table = table_of({conv(size, w): float(rng.uniform(1, 2)) for size in (16, 32) for w in range(8, 72, 8)})
    assert entry_of(table, conv(1, 1)).median_ms >= 0.5


def test_measured_and_stale_entries_stay_and_fitted_ones_are_fitted_again() -> None:
    table = table_of(
        {conv(size, width): time_of(conv(size, width)) for size in SIZES for width in (8, 16, 24)}
    )
    stale = layer_key(conv(4, 8))
    entries = {**table.entries, stale: table.entries[stale].model_copy(update={"checked": False})}
    table = table.model_copy(update={"entries": entries})
    assert filled(table, [conv(4, 8), conv(8, 8)]) == table
    once = filled(table, [conv(12)])
    assert filled(once, [conv(12)]) == once
    assert once.missing([conv(12), conv(4, 8), conv(8, 8)]) == [conv(12), conv(4, 8)]


def test_too_few_layers_say_nothing_of_others() -> None:
    table = table_of({conv(8, width): 1.0 for width in range(8, 8 * MIN_LAYERS, 8)})
    with pytest.raises(MeasurementError, match="9 layers are measured") as caught:
        filled(table, [conv(64)])
    assert caught.value.code == "too_few_layers"
    assert filled(table, [conv(8, 8)]) == table, "nothing has to be filled"


def test_a_measurement_takes_the_place_of_a_fit() -> None:
    table = table_of(
        {conv(size, width): time_of(conv(size, width)) for size in SIZES for width in (8, 16, 24)}
    )
    once = filled(table, [conv(12)])
    measured = once.merged([conv(12)], [session("s3", {layer_key(conv(12)): 0.5})])
    entry = measured.entries[layer_key(conv(12))]
    assert (entry.kind, entry.median_ms, entry.num_sessions) == ("measured", 0.5, 1)


def test_predictions_that_rest_on_fits_say_so_and_are_wider() -> None:
    layers = distinct_layers(TINY)
    noise = np.exp(np.random.default_rng(1).normal(0, 0.05, len(layers)))
    whole = table_of({spec: time_of(spec) * off for spec, off in zip(layers, noise, strict=True)})
    correction = calibrate(()).model_copy(update={"kind": "table", "half_width": 0.05})
    absent = {layer_key(spec) for spec in layers if isinstance(spec, InvertedResidual) and spec.kernel == 5}
    entries = {key: entry for key, entry in whole.entries.items() if key not in absent}
    holed = whole.model_copy(update={"entries": entries})
    archs = random_architectures(TINY, 200, np.random.default_rng(0))
    with pytest.raises(MeasurementError):
        CostPredictor(TINY, filled(holed, layers), correction)
    costs = CostPredictor(TINY, filled(holed, layers), correction, filled=True).predict(archs)
    exact = CostPredictor(TINY, whole, correction).predict(archs)
    rests = costs.coverage < 1.0
    assert 0 < rests.sum() < len(archs)
    assert {costs.kind_of(int(row)) for row in np.flatnonzero(rests)} == {"fitted"}
    assert {costs.kind_of(int(row)) for row in np.flatnonzero(~rests)} == {"table"}
    width, least = costs.upper / costs.point, exact.upper / exact.point
    np.testing.assert_allclose(width[~rests], least[~rests], rtol=1e-5)
    assert (width[rests] > least[rests]).all()
    # The more of a sum is not measured, the wider.
    shares = 1.0 - costs.coverage[rests]
    assert np.corrcoef(shares, width[rests])[0, 1] > 0.8
    assert ((costs.lower <= exact.point) & (exact.point <= costs.upper)).mean() > 0.95


def test_a_kind_of_layer_of_another_version_is_left_alone() -> None:
    table = table_of(
        {conv(size, width): time_of(conv(size, width)) for size in SIZES for width in (8, 16, 24)}
    )
    first = next(iter(table.entries.values()))
    strange = first.model_copy(update={"signature": first.signature.replace("conv_norm_act", "strange")})
    more = table.model_copy(update={"entries": {**table.entries, "f" * 64: strange}})
    spec = replace(conv(12))
    assert entry_of(more, spec).median_ms == pytest.approx(entry_of(table, spec).median_ms)


def test_a_layer_that_cannot_be_run_is_named_and_not_asked_for_again() -> None:
    specs = [conv(size, width) for size in SIZES for width in (8, 16, 24, 32)]
    table, deaf = table_of({spec: time_of(spec) for spec in specs}), conv(12)
    why = Unsupported(code="file_not_loadable", message="no such operator")
    noted = with_unsupported(table, {deaf: why, specs[0]: why})
    assert noted.missing([*specs, deaf]) == []
    assert noted.unsupported([*specs, deaf]) == {deaf: why}, "what has run before stays as it was measured"
    assert noted.costs_ms([deaf])[0] == pytest.approx(filled(table, [deaf]).costs_ms([deaf], filled=True)[0])
    # Whoever fills others in finds it as it is.
    assert filled(noted, [deaf, conv(20)]).unsupported([deaf]) == {deaf: why}


def test_a_layer_that_cannot_be_run_has_a_value_beside_few_others() -> None:
    noted = with_unsupported(table_of({conv(8): 0.1}), {conv(16): Unsupported(code="c", message="m")})
    assert noted.costs_ms([conv(16)])[0] > 0
