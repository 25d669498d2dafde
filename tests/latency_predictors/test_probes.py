"""Probes tell which graph a runtime runs; the files of the package are what is built here, to the byte."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from latency_predictors import probes
from latency_predictors.device import host_context
from latency_predictors.probes import RuntimeGraph, graph_by_kernels, graph_by_timing, probe_subjects
from latency_predictors.runtimes import RUNTIMES, get_runtime
from nas.pipeline.calibrating import initial_file
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, random_architectures
from tests.latency_predictors.probe_graphs import BUILT, probe_file
from tests.latency_predictors.sessions import CONTEXT, session

PRECISIONS = ("fp32", "int8")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", BUILT)
def test_files_of_the_package_are_these_graphs(name: str, precision: str) -> None:
    folder = Path(probes.__file__).parent / "probe_graphs" / precision
    assert (folder / f"{name}.onnx").read_bytes() == probe_file(name, precision)


def test_there_are_these_probes_and_no_others() -> None:
    every = [probe_subjects("onnx", precision) for precision in PRECISIONS]
    for found in every:
        assert [one.path.stem for one in found] == sorted(BUILT)
    assert len({one.digest for found in every for one in found}) == len(PRECISIONS) * len(BUILT)
    assert probe_subjects("gguf", "fp32") == ()
    assert probe_subjects("onnx", "bfloat16") == ()


BASE = {
    "chain": 0.2,
    "dead_branch": 0.2,
    "zero_branch": 0.4,
    "convolution": 0.3,
    "norm_act": 0.1,
    "convolution_norm_act": 0.31,
}


def timed(**changes: float) -> RuntimeGraph:
    """What is told where the probes take so many milliseconds."""
    subjects = probe_subjects("onnx", "fp32")
    medians = {one.digest: {**BASE, **changes}[one.path.stem] for one in subjects}
    found = graph_by_timing([session("s1", medians), session("s22", {**medians, "layer": 9.0})], subjects)
    assert found is not None
    return found


def test_a_branch_that_costs_nothing_was_dropped() -> None:
    assert timed().drops_dead_branches
    assert timed(dead_branch=0.24).drops_dead_branches
    assert not timed(dead_branch=0.39).drops_dead_branches


def test_zeros_that_cost_nothing_were_skipped() -> None:
    assert not timed().skips_zeros
    assert timed(zero_branch=0.22).skips_zeros


def test_what_costs_as_little_as_the_convolution_alone_was_fused() -> None:
    assert timed().fuses_norm_and_activation
    assert not timed(convolution_norm_act=0.39).fuses_norm_and_activation


def test_what_was_measured_stands_beside_what_it_tells() -> None:
    assert timed(chain=0.25).probes_ms == {**BASE, "chain": 0.25}


def test_it_is_told_in_which_precision_they_ran() -> None:
    subjects = probe_subjects("onnx", "int8")
    medians = {one.digest: BASE[one.path.stem] for one in subjects}
    found = graph_by_timing([session("s1", medians, context=replace(CONTEXT, precision="int8"))], subjects)
    assert found is not None
    assert (found.precision, timed().precision) == ("int8", "fp32")


def test_without_all_probes_nothing_is_told() -> None:
    first, *others = probe_subjects("onnx", "fp32")
    assert graph_by_timing([session("s1", {one.digest: 1.0 for one in others})], (first, *others)) is None
    assert graph_by_timing([session("s1", {"layer": 1.0})], ()) is None


def test_kernels_tell_it_too() -> None:
    fused: Mapping[str, list[str]] = {
        "chain": ["Conv"],
        "dead_branch": ["Conv"],
        "zero_branch": ["Expand", "Conv", "Conv"],
        "convolution": ["Conv"],
        "norm_act": ["BatchNormalization", "Relu"],
        "convolution_norm_act": ["FusedConv"],
    }
    told = graph_by_kernels(fused)
    assert (told.drops_dead_branches, told.skips_zeros, told.fuses_norm_and_activation) == (True, False, True)
    plain = {**fused, "dead_branch": ["Conv", "Conv"], "convolution_norm_act": ["Conv", "BatchNorm", "Relu"]}
    assert not graph_by_kernels(plain).drops_dead_branches
    assert not graph_by_kernels(plain).fuses_norm_and_activation


TOLD = {
    ("onnxruntime", "fp32"): (True, False, True),
    # Nothing takes away what is quantised for nobody, and batch norm stays apart from integer kernels.
    ("onnxruntime", "int8"): (False, False, False),
    # What depends on no input is computed once, when OpenVINO compiles for a batch.
    ("openvino", "fp32"): (True, True, True),
    ("openvino", "int8"): (True, True, True),
}
"""Whether dead branches are dropped, zeros skipped, batch norm and activation taken in by convolutions."""


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_runtimes_of_the_catalogue_tell_which_graphs_they_run(name: str, precision: str) -> None:
    runtime, context = get_runtime(name), replace(host_context(name), precision=precision)
    probed = probe_subjects("onnx", precision)
    told = graph_by_kernels({one.path.stem: runtime.kernels(one.path, context) for one in probed})
    fuses = told.fuses_norm_and_activation
    assert (told.drops_dead_branches, told.skips_zeros, fuses) == TOLD[name, precision]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_a_convolution_of_a_probe_is_one_of_its_precision(name: str, precision: str) -> None:
    runtime, context = get_runtime(name), replace(host_context(name), precision=precision)
    (chain,) = (one.path for one in probe_subjects("onnx", precision) if one.path.stem == "chain")
    kernels = runtime.kernels(chain, context)
    assert sum("conv" in kind.lower() for kind in kernels) == 1
    if name == "onnxruntime":
        assert ("QLinearConv" in kernels) == (precision == "int8")


@pytest.mark.parametrize("precision", PRECISIONS)
def test_networks_have_no_dead_branch_to_drop(precision: str) -> None:
    """Whatever a runtime does with them: every node of an exported cell reaches the output."""
    space = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    for architecture in random_architectures(space, 20, np.random.default_rng(0)):
        graph = onnx.load_from_string(initial_file(space, as_architecture(architecture), precision)).graph
        wanted = {output.name for output in graph.output}
        for node in reversed(graph.node):
            assert wanted.intersection(node.output), f"{node.name} is for nothing"
            wanted.update(node.input)
