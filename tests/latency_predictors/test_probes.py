"""Probes tell which graph a runtime runs; the files of the package are what this file builds, to the byte."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from latency_predictors import probes
from latency_predictors.device import host_context
from latency_predictors.probes import RuntimeGraph, graph_by_kernels, graph_by_timing, probe_subjects
from latency_predictors.runtimes import RUNTIMES, get_runtime
from nas.pipeline.calibrating import initial_file
from search_spaces.catalogue import get_space
from search_spaces.sampling import as_architecture, random_architectures
from tests.latency_predictors.sessions import session
from tests.latency_predictors.test_anchors import Shape, model, weights

# The batch is open, as in networks.
SMALL: Shape = ("batch", 32, 32, 32)
NARROW: Shape = ("batch", 4, 64, 64)
WIDE: Shape = ("batch", 64, 64, 64)
POOLED: Shape = ("batch", 64, 1, 1)


def _convolution(name: str, source: str, channels: int, kernel: int) -> list[onnx.NodeProto]:
    return [
        *weights(f"{name}_weight", [channels, channels, kernel, kernel], 1 / (channels * kernel * kernel)),
        helper.make_node("Conv", [source, f"{name}_weight"], [name], pads=[kernel // 2] * 4),
    ]


def chain() -> list[onnx.NodeProto]:
    """A convolution whose output is that of the graph."""
    return [*_convolution("live", "image", 32, 3), helper.make_node("Relu", ["live"], ["out"])]


def dead_branch() -> list[onnx.NodeProto]:
    """The same beside a convolution that nobody reads."""
    return [*_convolution("dead", "image", 32, 3), *chain()]


def zero_branch() -> list[onnx.NodeProto]:
    """The same plus a convolution of zeros, made as networks make them."""
    sizes = numpy_helper.from_array(np.array(SMALL[1:], dtype=np.int64))
    return [
        helper.make_node("Shape", ["image"], ["batch"], start=0, end=1),
        helper.make_node("Constant", [], ["sizes"], value=sizes),
        helper.make_node("Concat", ["batch", "sizes"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["nothing"]),
        *_convolution("empty", "nothing", 32, 3),
        *_convolution("live", "image", 32, 3),
        helper.make_node("Add", ["live", "empty"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["out"]),
    ]


def _stem() -> list[onnx.NodeProto]:
    """A convolution of few channels into many: what is around it costs little beside it."""
    return [
        *weights("conv_weight", [64, 4, 1, 1], 1 / 4),
        helper.make_node("Conv", ["image", "conv_weight"], ["conv"]),
    ]


def _norm_act(source: str, output: str) -> list[onnx.NodeProto]:
    return [
        *weights("scale", [64], 0.9),
        *weights("shift", [64], 0.1),
        *weights("mean", [64], 0.2),
        *weights("variance", [64], 1.1),
        helper.make_node("BatchNormalization", [source, "scale", "shift", "mean", "variance"], ["normed"]),
        helper.make_node("Relu", ["normed"], [output]),
    ]


def _pooled(source: str) -> list[onnx.NodeProto]:
    """So that no large output has to be brought into the order that files have."""
    return [helper.make_node("GlobalAveragePool", [source], ["out"])]


def convolution() -> list[onnx.NodeProto]:
    """A convolution alone."""
    return [*_stem(), *_pooled("conv")]


def norm_act() -> list[onnx.NodeProto]:
    """Batch norm and activation alone, on as large an input."""
    return _norm_act("image", "out")


def convolution_norm_act() -> list[onnx.NodeProto]:
    """All three."""
    return [*_stem(), *_norm_act("conv", "activated"), *_pooled("activated")]


BUILT: dict[str, tuple[list[onnx.NodeProto], Shape, Shape]] = {
    "chain": (chain(), SMALL, SMALL),
    "dead_branch": (dead_branch(), SMALL, SMALL),
    "zero_branch": (zero_branch(), SMALL, SMALL),
    "convolution": (convolution(), NARROW, POOLED),
    "norm_act": (norm_act(), WIDE, WIDE),
    "convolution_norm_act": (convolution_norm_act(), NARROW, POOLED),
}


@pytest.mark.parametrize("name", BUILT)
def test_files_of_the_package_are_these_graphs(name: str) -> None:
    nodes, shape, out_shape = BUILT[name]
    folder = Path(probes.__file__).parent / "probe_graphs"
    assert (folder / f"{name}.onnx").read_bytes() == model(name, shape, out_shape, nodes)


def test_there_are_these_probes_and_no_others() -> None:
    found = probe_subjects("onnx")
    assert [one.path.stem for one in found] == sorted(BUILT)
    assert len({one.digest for one in found}) == len(BUILT)
    assert probe_subjects("gguf") == ()


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
    subjects = probe_subjects("onnx")
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


def test_without_all_probes_nothing_is_told() -> None:
    first, *others = probe_subjects("onnx")
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


SKIPS_ZEROS = {"onnxruntime": False, "openvino": True}


@pytest.mark.parametrize("name", sorted(RUNTIMES))
def test_runtimes_of_the_catalogue_run_what_tables_count(name: str) -> None:
    """As they tell themselves: dead branches are dropped, a convolution is one kernel with what follows."""
    runtime, context = get_runtime(name), host_context(name)
    kernels = {one.path.stem: runtime.kernels(one.path, context) for one in probe_subjects("onnx")}
    told = graph_by_kernels(kernels)
    assert told.drops_dead_branches
    assert told.fuses_norm_and_activation
    # What depends on no input is computed once, when OpenVINO compiles for a batch.
    assert told.skips_zeros == SKIPS_ZEROS[name]


def test_networks_have_no_dead_branch_to_drop() -> None:
    """Whatever a runtime does with them: every node of an exported cell reaches the output."""
    space = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)
    for architecture in random_architectures(space, 20, np.random.default_rng(0)):
        graph = onnx.load_from_string(initial_file(space, as_architecture(architecture))).graph
        wanted = {output.name for output in graph.output}
        for node in reversed(graph.node):
            assert wanted.intersection(node.output), f"{node.name} is for nothing"
            wanted.update(node.input)
