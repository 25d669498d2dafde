"""Static quantisation after training: an exported file becomes an int8 file under the same contract.

Weights are int8 with a scale for each output channel, activations uint8 with a range each, written as QDQ.
Weights use seven bits: with eight, sums of two products are clipped on x86 without VNNI. QDQ is
`QuantizeLinear` and `DequantizeLinear` around each operator, which runtimes fuse into integer kernels (Jacob
et al. 2018; https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html). A range is what
an activation reaches on given images, from its minimum to its maximum.

What stands before the first layer stays fp32, so that images are normalised as they were in training. So do
hard-swish and hard-sigmoid, for which runtimes have no integer kernel.

The graph is rewritten by onnxruntime's quantiser. Ranges are gathered here, by a session of one thread like
every other: its own calibration starts a thread a core, and leaves the order of the result to chance.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from latency_predictors.device import host_context
from latency_predictors.runtimes import get_runtime
from latency_predictors.runtimes.onnxruntime import load_quantization
from nas.export.graph import EXPORTER_VERSION, IR_VERSION, PRODUCER
from nas.export.metadata import INPUT_NAME, QUANTISER_VERSION
from nas.export.onnx import export_layer
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.layers import LayerSpec

NUM_RANGE_IMAGES: Final = 256
"""Training images over which the ranges of a network's activations are taken."""

NUM_NOISE_IMAGES: Final = 4
"""Random inputs likewise, where only the time matters: it does not depend on the ranges."""

_BATCH: Final = 32
_NOISE_SEED: Final = 0
_IMAGE_ARITHMETIC: Final = ("Mul", "Add")
_OPERATORS: Final = frozenset(
    {"Add", "AveragePool", "Clip", "Concat", "Conv", "Flatten", "GlobalAveragePool", "Mul", "Relu", "Reshape"}
    | {"Slice", "Transpose"}
)
"""What has an integer kernel, or passes integers on."""

# The quantiser infers shapes through temporary files unless it finds that this was done.
_SHAPES_INFERRED: Final = {"onnx.infer": "onnxruntime.quant"}

Floats = NDArray[np.float32]
Range = tuple[np.float32, np.float32]


def quantise(content: bytes, images_NCRR: Floats, sample: str) -> bytes:
    """Return the int8 form of an exported file.

    Args:
        content: The file in fp32.
        images_NCRR: What ranges are taken over, in 0..1 as the file takes them.
        sample: What these are, in words; for the file's metadata.

    Returns:
        The file. Equal files and images give equal bytes.

    Raises:
        UsageError: `not_quantisable`, with the reason.
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    quantization = load_quantization()
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(content), strict_mode=True)
        names = [node.name for node in _quantised_nodes(model)]
        properties = {entry.key: entry.value for entry in model.metadata_props}
        if names:
            model = _rewritten(quantization, model, names, _ranges(model, images_NCRR))
        finished = _finished(model, {**properties, "precision": "int8", "ranges_from": sample})
        onnx.checker.check_model(finished)
    except Exception as error:  # neither the quantiser's errors nor those of its runtime have a common root
        raise _not_quantisable(error) from error
    return finished


def quantise_on_noise(content: bytes) -> bytes:
    """Return the int8 form of a file whose weights mean nothing, for its time alone.

    Raises:
        UsageError: `not_quantisable`.
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    (image,) = onnx.load_from_string(content).graph.input
    shape = (NUM_NOISE_IMAGES, *(dim.dim_value for dim in image.type.tensor_type.shape.dim[1:]))
    noise = np.random.default_rng(_NOISE_SEED).random(shape, dtype=np.float32)
    return quantise(content, noise, f"{NUM_NOISE_IMAGES} random inputs, seed {_NOISE_SEED}")


def quantised_layer(spec: LayerSpec) -> bytes:
    """Return a lone layer in int8, quantised on random inputs: what lookup tables of int8 contexts measure.

    Its input and output are float: conversion is part of what a lone layer costs, as is its call.

    Raises:
        UsageError: `not_quantisable`.
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    return quantise_on_noise(export_layer(spec))


def _not_quantisable(error: Exception) -> Exception:
    if isinstance(error, MeasurementError) and error.code != "file_not_loadable":
        return error
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return UsageError(
        "not_quantisable",
        f"this network cannot be made int8 ({reason}): ask for precision fp32, or take another space",
    )


def _quantised_nodes(model: ModelProto) -> list[NodeProto]:
    """Return what computes in int8, in order."""
    floats = {info.name for info in _float_values(model)}
    kept = _image_arithmetic(model)
    return [
        node
        for node in model.graph.node
        if node.op_type in _OPERATORS and node.output[0] in floats and node.name not in kept
    ]


def _image_arithmetic(model: ModelProto) -> set[str]:
    """Return the names of the nodes that scale and shift the image before anything else sees it."""
    constants = {tensor.name for tensor in model.graph.initializer}
    found: set[str] = set()
    value = INPUT_NAME
    while True:
        # Whoever asks for its shape does not see it: zeros of a cell are as many as there are images.
        users = [node for node in model.graph.node if value in node.input and node.op_type != "Shape"]
        if len(users) != 1 or users[0].op_type not in _IMAGE_ARITHMETIC:
            return found
        if not constants.intersection(users[0].input):
            return found
        found.add(users[0].name)
        value = users[0].output[0]


def _float_values(model: ModelProto) -> list[onnx.ValueInfoProto]:
    graph = model.graph
    return [
        info
        for info in (*graph.input, *graph.value_info, *graph.output)
        if info.type.tensor_type.elem_type == TensorProto.FLOAT
    ]


def _ranges(model: ModelProto, images_NCRR: Floats) -> dict[str, Range]:
    """Return the least and the largest value of each activation over images."""
    constants = {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    names = [info.name for info in _float_values(model) if info.name not in constants]
    with tempfile.TemporaryDirectory(prefix="hwnas-ranges-") as folder:
        path = Path(folder) / "ranges.onnx"
        path.write_bytes(_watching(model, names).SerializeToString())
        context = host_context()
        watched = get_runtime(context.runtime).prepare(path, context)
        found = np.stack(
            [watched.run(images_NCRR[start : start + _BATCH]) for start in range(0, len(images_NCRR), _BATCH)]
        )
    low, high = np.split(found, 2, axis=1)
    ranges = dict(zip(names, zip(low.min(axis=0), high.max(axis=0), strict=True), strict=True))
    if not np.isfinite(found).all():
        raise ValueError("an activation is not a finite number")
    # Whatever the images were: others may be darker or brighter, and none leaves this range.
    return {**ranges, INPUT_NAME: (np.float32(0), np.float32(1))}


def _watching(model: ModelProto, names: Iterable[str]) -> ModelProto:
    """Return a graph whose only output is the minima of values, then their maxima, one behind the other."""
    watched = ModelProto()
    watched.CopyFrom(model)
    graph = watched.graph
    graph.initializer.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "ranges/one"))
    ends = []
    for operator in ("ReduceMin", "ReduceMax"):
        for name in names:
            end = f"ranges/{operator}/{name}"
            graph.node.append(helper.make_node(operator, [name], [f"{end}/full"], keepdims=1))
            graph.node.append(helper.make_node("Reshape", [f"{end}/full", "ranges/one"], [end]))
            ends.append(end)
    graph.node.append(helper.make_node("Concat", ends, ["ranges"], axis=0))
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("ranges", TensorProto.FLOAT, [len(ends)]))
    return watched


def _rewritten(
    quantization: Any, model: ModelProto, names: list[str], ranges: dict[str, Range]
) -> ModelProto:
    helper.set_model_props(model, _SHAPES_INFERRED)
    quantizer = quantization.QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=True,
        weight_qType=quantization.QuantType.QInt8,
        activation_qType=quantization.QuantType.QUInt8,
        tensors_range=quantization.TensorsData(quantization.CalibrationMethod.MinMax, dict(ranges)),
        nodes_to_quantize=names,
        nodes_to_exclude=[],
        op_types_to_quantize=sorted(_OPERATORS),
        extra_options={},
    )
    rewritten: ModelProto = quantizer.quantize_model()
    quantizer.model.topological_sort()
    return rewritten


def _finished(model: ModelProto, properties: dict[str, str]) -> bytes:
    """Return a file as the exporter writes it: no inferred shapes, nothing of another program."""
    del model.graph.value_info[:]
    model.producer_name, model.producer_version = PRODUCER, f"{EXPORTER_VERSION}.{QUANTISER_VERSION}"
    model.ir_version = IR_VERSION
    helper.set_model_props(model, properties)
    return bytes(model.SerializeToString(deterministic=True))
