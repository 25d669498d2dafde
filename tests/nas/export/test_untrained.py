"""Files that are timed alone are those that the exporter and the quantiser write."""

import subprocess
import sys
from pathlib import Path

import pytest

from nas.export.metadata import describe
from nas.export.onnx import export_layer, export_untrained
from nas.export.quantize import quantise_on_noise, quantised_layer
from nas.export.untrained import layer_file, network_file
from search_spaces.catalogue import get_space
from search_spaces.network import network
from search_spaces.sampling import as_architecture, smallest
from search_spaces.slot_tables import distinct_layers

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_layer_is_written_in_the_precision_asked_for(precision: str) -> None:
    spec = distinct_layers(SPACE)[0]
    wanted = export_layer(spec) if precision == "fp32" else quantised_layer(spec)
    assert layer_file(spec, precision) == wanted


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_network_is_written_in_the_precision_asked_for(precision: str) -> None:
    architecture = as_architecture(smallest(SPACE)[0])
    nodes = network(SPACE, architecture)
    facts = describe(SPACE, architecture, class_names=("a",), dataset_digest="", resize_rule="")
    fp32 = export_untrained(nodes, facts)
    assert network_file(nodes, facts, precision) == (fp32 if precision == "fp32" else quantise_on_noise(fp32))


@pytest.mark.parametrize("module", ["workers.searches", "workers.serving", "nas.pipeline.runner"])
def test_who_watches_or_runs_a_search_loads_no_torch_until_a_file_is_written(module: str) -> None:
    program = f"import {module}, sys; print(*sorted({{'torch', 'onnx', 'ray'}} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
