"""A lone layer that the runtime cannot run is named once, and only networks that hold it are left out."""

import numpy as np
import pytest

from latency_predictors.device import host_context
from latency_predictors.filling import with_unsupported
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.table_entry import Unsupported
from nas.pipeline.profile import profile_site
from nas.pipeline.tables import check_limits, latest_table
from nas.pipeline.unsupported import runnable
from nas.specs import ContextSpec, TargetSpec
from search_spaces.base import architecture_from_values
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from search_spaces.network import layers
from search_spaces.sampling import random_architectures
from search_spaces.slot_tables import distinct_layers
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, Stopwatch, measured

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
LAYERS = distinct_layers(SPACE)
CONVOLUTIONS = [spec for spec in LAYERS if spec.kind == "act_conv_norm"]
DEAF = CONVOLUTIONS[1]
"""A convolution of 3 by 3 in the first cells: about half of the networks have it."""


def broken(*specs: object) -> frozenset[str]:
    return frozenset(layer_key(spec) for spec in LAYERS if spec in specs)


def test_a_search_leaves_out_the_networks_with_it_and_names_it(copied: Home) -> None:
    copied.watch = Stopwatch("deaf", broken=broken(DEAF))
    progress, site = Recorder(), here(host_context(batch=2))
    (target,) = copied.search(progress, targets=[{"context": {"batch": 2}}], references=[]).targets
    assert target.front
    assert len(target.networks) > 1
    for network in target.networks:
        assert DEAF not in layers(SPACE, architecture_from_values(SPACE, network.architecture))
    (named,) = target.table.unsupported
    assert (named.signature, named.code) == (DEAF.signature(), "file_not_loadable")
    assert target.unsupported == (), "no network with it was exported in vain"
    assert sum("are left out, onnxruntime cannot run it" in said for said in progress.said) == 1
    entry = latest_table(copied.stores, site).entries[layer_key(DEAF)]
    assert (entry.state, entry.kind) == ("unsupported", "fitted")
    # Nobody asks for it again.
    again = copied.context(seed=1)
    assert profile_site(again, site) is not None
    assert [layer_key(DEAF) in asked for asked in copied.watch.asked].count(True) == 1
    asked = TargetSpec(context=ContextSpec(batch=2))
    assert 0.2 < check_limits(again, asked) < 0.8, "limits are those of networks that run"


def test_a_runtime_that_cannot_run_most_layers_is_refused_by_name(home: Home) -> None:
    home.watch = Stopwatch("deaf", broken=broken(*LAYERS[:8]))
    ctx = home.context()
    with pytest.raises(MeasurementError, match="cannot run 8 of 15 layers of this space") as caught:
        measured(home, lambda: profile_site(ctx, here()))
    assert caught.value.code == "too_few_run"
    assert not latest_table(home.stores, here()).entries


def test_a_layer_of_every_network_that_cannot_be_run_is_refused_by_name(home: Home) -> None:
    home.watch = Stopwatch("deaf", broken=broken(LAYERS[-1]))
    ctx = home.context()
    for _ in range(2):  # asked again, the table tells
        with pytest.raises(MeasurementError, match="a layer of each of .* networks") as caught:
            measured(home, lambda: profile_site(ctx, here()))
        assert caught.value.code == "too_few_run"
        assert "it is broken" in caught.value.message
    assert len(home.watch.asked) == 1


def test_only_networks_without_it_are_runnable(copied: Home) -> None:
    table = latest_table(copied.stores, here())
    archs = random_architectures(SPACE, 50, np.random.default_rng(0))
    assert runnable(SPACE, table, archs) is not archs
    assert len(runnable(SPACE, table, archs)) == 50
    without = {key: entry for key, entry in table.entries.items() if key != layer_key(DEAF)}
    table = LookupTable(device=table.device, context=table.context, entries=without)
    noted = with_unsupported(table, {DEAF: Unsupported(code="c", message="m")})
    kept = runnable(SPACE, noted, archs)
    holds = [DEAF in layers(SPACE, tuple(row)) for row in archs.tolist()]
    assert len(kept) == 50 - sum(holds) < 50
