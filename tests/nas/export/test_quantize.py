"""int8 files keep the contract of exported files, and are the same wherever and whenever they are made."""

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from nas.export.classifier import OnnxClassifier, read_metadata, scaled
from nas.export.graph import GraphBuilder, Value
from nas.export.metadata import INPUT_NAME, OUTPUT_NAME
from nas.export.onnx import export_layer
from nas.export.quantize import quantise, quantise_on_noise, quantised_layer
from search_spaces.base import Architecture, SearchSpace
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.layers import LayerSpec
from search_spaces.network import resolution
from search_spaces.slot_tables import distinct_layers
from tests.nas.export.networks import CELL, LARGEST, TINY, drawn, exported, operators, parameters

SAMPLE = "32 images of noise"


def noise(side: int, n: int = 32, seed: int = 1) -> Any:
    """Images of bytes."""
    return np.random.default_rng(seed).integers(0, 256, (n, 3, side, side), dtype=np.uint8)


def int8_of(space: SearchSpace, architecture: Architecture, seed: int = 0) -> bytes:
    """A network in int8, its ranges taken over noise."""
    return quantise(
        exported(space, architecture, seed), scaled(noise(resolution(space, architecture))), SAMPLE
    )


def one_convolution(weights: list[float], bias: float = 0.0) -> bytes:
    """A file with one 1 x 1 convolution from one channel to as many as there are weights."""
    graph = GraphBuilder(INPUT_NAME, (1, 1, 1))
    names = [
        graph.input.name,
        graph.parameter("w", np.array(weights, dtype=np.float32)[:, None, None, None]),
        graph.parameter("b", np.full(len(weights), bias, dtype=np.float32)),
    ]
    out: Value = graph.add("Conv", names, "conv", (len(weights), 1, 1), kernel_shape=(1, 1))
    pooled = graph.add("Relu", [out.name], "relu", out.shape)
    return bytes(graph.model(pooled, "output", {}).SerializeToString())


def test_scales_are_those_of_the_ranges() -> None:
    """Images in 0..1 by 255 steps; weights 2 and -1 of seven bits; the outputs reach from 0 to 2."""
    images = np.array([0.0, 0.25, 1.0], dtype=np.float32)[:, None, None, None]
    values = parameters(onnx.load_from_string(quantise(one_convolution([2.0, -1.0]), images, SAMPLE)))
    assert values["image_scale"] == pytest.approx(1 / 255)
    assert values["image_zero_point"] == 0
    assert values["w_scale"].tolist() == pytest.approx([2 / 64, 1 / 64])
    assert values["w_quantized"].ravel().tolist() == [64, -64]
    assert values["output_scale"] == pytest.approx(2 / 255)
    assert values["output_zero_point"] == 0


def test_the_image_keeps_its_whole_range_whatever_was_seen() -> None:
    dark = np.full((3, 1, 1, 1), 0.1, dtype=np.float32)
    values = parameters(onnx.load_from_string(quantise(one_convolution([1.0, 1.0]), dark, SAMPLE)))
    assert values["image_scale"] == pytest.approx(1 / 255)


def test_the_contract_of_exported_files_is_kept(tmp_path: Path) -> None:
    before, after = (onnx.load_from_string(make(TINY, LARGEST)) for make in (exported, int8_of))
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.output) == list(before.graph.output)
    assert [tensor.name for tensor in after.graph.input] == [INPUT_NAME]
    assert [tensor.name for tensor in after.graph.output] == [OUTPUT_NAME]
    assert after.opset_import == before.opset_import
    assert after.ir_version == before.ir_version
    onnx.checker.check_model(after, full_check=True)
    path, old = tmp_path / "int8.onnx", tmp_path / "fp32.onnx"
    path.write_bytes(after.SerializeToString())
    old.write_bytes(before.SerializeToString())
    said = read_metadata(path)
    assert (said.precision, said.ranges_from) == ("int8", SAMPLE)
    assert (read_metadata(old).precision, read_metadata(old).ranges_from) == ("fp32", "")
    properties = said.properties()
    assert properties.pop("precision") == "int8"
    assert properties.pop("ranges_from") == SAMPLE
    assert properties == read_metadata(old).properties()


@pytest.mark.parametrize("space", [TINY, CELL], ids=lambda space: space.name)
def test_logits_are_near_those_of_fp32(space: SearchSpace, tmp_path: Path) -> None:
    for number, architecture in enumerate(drawn(space, 4, seed=5)):
        before, after = tmp_path / f"{number}.onnx", tmp_path / f"{number}-int8.onnx"
        before.write_bytes(exported(space, architecture, number))
        after.write_bytes(int8_of(space, architecture, number))
        images = noise(resolution(space, architecture), n=70, seed=9)
        expected, found = (OnnxClassifier(path).run(images) for path in (before, after))
        spread = expected.std()
        assert 0 < np.abs(found - expected).mean() < 0.15 * spread


def test_weights_take_a_byte_each() -> None:
    after = onnx.load_from_string(int8_of(TINY, LARGEST))
    weights = [tensor for tensor in after.graph.initializer if tensor.name.endswith("weight_quantized")]
    assert {tensor.data_type for tensor in weights} == {onnx.TensorProto.INT8}
    assert len(weights) == operators(onnx.load_from_string(exported(TINY, LARGEST))).count("Conv")
    for tensor in weights:
        (scale,) = [
            one for one in after.graph.initializer if one.name == tensor.name.replace("_quantized", "_scale")
        ]
        assert numpy_helper.to_array(scale).shape == (tensor.dims[0],)
    floats = [one for one in after.graph.initializer if one.data_type == onnx.TensorProto.FLOAT]
    assert sum(int(np.prod(one.dims)) for one in floats) < 0.2 * sum(
        int(np.prod(one.dims)) for one in weights
    )


@pytest.mark.parametrize("space", [TINY, CELL])
def test_images_are_normalised_in_fp32(space: SearchSpace) -> None:
    """Also where zeros of a cell are as many as there are images, and ask for their number."""
    architectures = [LARGEST] if space is TINY else drawn(space, 12)
    files = [onnx.load_from_string(int8_of(space, one)) for one in architectures]
    assert space is TINY or any("Shape" in operators(after) for after in files)
    for after in files:
        assert image_steps(after) == ["Mul", "Add", "QuantizeLinear", "DequantizeLinear"]


def image_steps(model: onnx.ModelProto) -> list[str]:
    """The first four operators that see the image."""
    nodes = [node for node in model.graph.node if node.op_type != "Shape"]
    consumer = {name: node for node in nodes for name in node.input}
    steps, value = [], INPUT_NAME
    for _ in range(4):
        node = consumer[value]
        steps.append(node.op_type)
        value = node.output[0]
    return steps


_MAKE = """
import hashlib
from tests.nas.export.test_quantize import LARGEST, TINY, int8_of
print(hashlib.sha256(int8_of(TINY, LARGEST)).hexdigest())
"""


def test_equal_networks_and_images_give_equal_bytes_in_any_process(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _MAKE],
        cwd=repository,
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [hashlib.sha256(int8_of(TINY, LARGEST)).hexdigest()]


def test_it_is_quiet_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    content = int8_of(CELL, next(drawn(CELL, 1)))
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
    assert str(tmp_path).encode() not in content


def test_other_ranges_give_another_file() -> None:
    content = exported(TINY, LARGEST)
    files = {quantise(content, scaled(noise(32, seed=seed)), SAMPLE) for seed in (1, 2, 1)}
    assert len(files) == 2


def test_what_is_not_a_number_is_not_quantised() -> None:
    images = np.ones((2, 1, 1, 1), dtype=np.float32)
    with pytest.raises(UsageError, match="not a finite number") as caught:
        quantise(one_convolution([float("inf")]), images, SAMPLE)
    assert caught.value.code == "not_quantisable"


def test_what_is_no_network_is_not_quantised() -> None:
    with pytest.raises(UsageError) as caught:
        quantise(b"no network", np.ones((1, 3, 8, 8), dtype=np.float32), SAMPLE)
    assert caught.value.code == "not_quantisable"
    assert "\n" not in caught.value.message


def test_nothing_is_quantised_while_reporting_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    with pytest.raises(MeasurementError) as caught:
        quantise_on_noise(exported(TINY, LARGEST))
    assert caught.value.code == "telemetry_on"


def layers_of_all_kinds() -> list[LayerSpec]:
    """One layer of each kind and set of steps, of two spaces."""
    found = {
        (spec.kind, tuple(operators(onnx.load_from_string(export_layer(spec))))): spec
        for space in (TINY, CELL)
        for spec in distinct_layers(space)
    }
    return list(found.values())


@pytest.mark.parametrize("spec", layers_of_all_kinds(), ids=lambda spec: spec.kind)
def test_a_lone_layer_is_quantised_and_says_on_what(spec: LayerSpec, tmp_path: Path) -> None:
    content = quantised_layer(spec)
    assert content == quantised_layer(spec)
    model = onnx.load_from_string(content)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "layer": spec.signature(),
        "seed": "0",
        "precision": "int8",
        "ranges_from": "4 random inputs, seed 0",
    }
    before = onnx.load_from_string(export_layer(spec))
    convolutions = operators(before).count("Conv")
    assert operators(model).count("Conv") == convolutions
    if convolutions:
        assert "QuantizeLinear" in operators(model)
