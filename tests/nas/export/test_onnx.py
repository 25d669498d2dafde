import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from nas.export.classifier import OnnxClassifier, scaled
from nas.export.graph import IR_VERSION, OPSET_VERSION
from nas.export.metadata import hwnas_version
from nas.export.onnx import export_layer, export_onnx
from search_spaces.base import Architecture, SearchSpace, architecture_digest, option_values, space_digest
from search_spaces.catalogue import get_space
from search_spaces.errors import UsageError
from search_spaces.layers import ConvNormAct, InvertedResidual, LayerSpec, NormAct, PooledHead, ShuffleUnit
from search_spaces.modules.static import STATIC_LAYERS, StaticNetwork
from search_spaces.network import Node, layers, resolution
from search_spaces.sampling import as_architecture, largest
from search_spaces.slot_tables import space_tables
from tests.nas.export.networks import drawn, facts, settled

TEN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TINY = get_space("mobilenet_v3", preset="tiny", num_classes=10, in_channels=3)
CELL = get_space("nas_bench_201", preset="tiny", num_classes=10, in_channels=3)
LARGEST = as_architecture(largest(TINY)[0])


def exported(space: SearchSpace, architecture: Architecture, seed: int = 0) -> bytes:
    return export_onnx(settled(space, architecture, seed), facts(space, architecture, TEN))


def num_values(model: onnx.ModelProto) -> int:
    return sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def network_of(spec: LayerSpec) -> StaticNetwork:
    return StaticNetwork((Node("stem", spec, ("image",)),)).eval()


def test_the_input_and_the_output_are_as_the_contract_says() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    side = resolution(TINY, LARGEST)
    (image,), (logits,) = model.graph.input, model.graph.output
    assert (image.name, logits.name) == ("image", "logits")
    dims = [dim.dim_param or dim.dim_value for dim in image.type.tensor_type.shape.dim]
    assert dims == ["batch", 3, side, side]
    assert [dim.dim_param or dim.dim_value for dim in logits.type.tensor_type.shape.dim] == ["batch", 10]


def test_versions_are_pinned() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET_VERSION)]
    assert model.ir_version == IR_VERSION
    assert model.producer_name == "hwnas"


def test_metadata_say_what_the_network_is() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(found.pop("class_names")) == list(TEN)
    assert json.loads(found.pop("options")) == option_values(TINY, LARGEST)
    assert found == {
        "architecture_digest": architecture_digest(TINY, LARGEST),
        "dataset_digest": "ab" * 32,
        "hwnas_version": hwnas_version(),
        "resize_rule": "centre-square, bilinear-antialiased, 1",
        "resolution": "32",
        "space": "mobilenet_v3/tiny",
        "space_digest": space_digest(TINY),
    }


@pytest.mark.parametrize("space", [TINY, CELL], ids=lambda space: str(space.name))
def test_a_file_holds_as_many_values_as_the_layers_count(space: SearchSpace) -> None:
    for architecture in drawn(space, 5):
        model = onnx.load_from_string(exported(space, architecture))
        assert num_values(model) == sum(spec.num_params for spec in layers(space, architecture))


def test_batch_norm_is_part_of_the_convolutions() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    assert "BatchNormalization" not in operators(model)
    # The only scale and shift is the normalisation of the image; the other products are squeeze-excite gates.
    gates = sum(isinstance(spec, InvertedResidual) and spec.squeeze > 0 for spec in layers(TINY, LARGEST))
    assert operators(model).count("Mul") == 1 + gates


def test_a_folded_convolution_has_the_weights_of_the_formula() -> None:
    spec = ConvNormAct((2, 4, 4), 3, 3, 1, "relu")
    static = network_of(spec)
    conv, norm = (
        static.get_submodule("layers.stem.convs.conv.conv"),
        static.get_submodule("layers.stem.convs.conv.norm"),
    )
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        norm.bias.copy_(torch.tensor([0.5, 0.0, -1.0]))
        norm.running_mean.copy_(torch.tensor([1.0, -1.0, 2.0]))
        norm.running_var.copy_(torch.tensor([4.0, 0.25, 1.0]))
    model = onnx.load_from_string(export_onnx(static, facts(TINY, LARGEST, TEN)))
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    # weight / deviation: 1/2, 2/0.5, 3/1; bias - mean times that: 0.5-0.5, 0+4, -1-6
    np.testing.assert_allclose(found["stem/conv/bias"], [0.0, 4.0, -7.0], atol=1e-3)
    scale = np.array([0.5, 4.0, 3.0])[:, None, None, None]
    np.testing.assert_allclose(found["stem/conv/weight"], conv.weight.detach().numpy() * scale, rtol=1e-4)


def test_equal_networks_give_equal_bytes_in_any_folder_and_process(repository: Path, tmp_path: Path) -> None:
    script = (
        "import hashlib, sys; from tests.nas.export.test_onnx import exported, TINY, LARGEST;"
        "sys.stdout.write(hashlib.sha256(exported(TINY, LARGEST)).hexdigest())"
    )
    environment = {**os.environ, "PYTHONPATH": str(repository), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == hashlib.sha256(exported(TINY, LARGEST)).hexdigest()


def test_other_weights_give_other_bytes() -> None:
    assert exported(TINY, LARGEST, seed=0) != exported(TINY, LARGEST, seed=1)


def test_nothing_of_the_machine_is_in_the_file(repository: Path) -> None:
    data = exported(TINY, LARGEST)
    for text in (str(repository), str(Path.home()), sys.prefix, ".py", torch.__version__):
        assert text.encode() not in data


def test_names_come_from_slots() -> None:
    model = onnx.load_from_string(exported(TINY, LARGEST))
    names = {node.name for node in model.graph.node}
    assert {
        "normalize/normalize",
        "stem/conv",
        "stage2.block1/depthwise",
        "stage2.block2/add",
        "head/flatten",
    } <= names
    assert len(names) == len(model.graph.node)


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        'quo"te',
        "back\\slash",
        "new\nline",
        "a,b;c",
        "日本",
        "\u202eevil",
        "<script>",
        "null\x00byte",
        "",
    ],
)
def test_any_class_name_survives(name: str, tmp_path: Path) -> None:
    names = (name, *TEN[1:])
    path = tmp_path / "model.onnx"
    path.write_bytes(
        export_onnx(settled(CELL, next(drawn(CELL, 1))), facts(CELL, next(drawn(CELL, 1)), names))
    )
    assert OnnxClassifier(path).metadata.class_names == names


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_batch_is_dynamic(batch: int, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(exported(TINY, LARGEST))
    images = np.random.default_rng(0).integers(0, 256, (7, 3, 32, 32)).astype(np.uint8)
    classifier = OnnxClassifier(path)
    alone = classifier.run_scaled(scaled(images[:batch]))
    np.testing.assert_array_equal(alone, classifier.run_scaled(scaled(images))[:batch])


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.repeat(1, 2, 1, 1)


@pytest.mark.parametrize(
    ("step", "named"),
    [
        (nn.Softplus(), "Softplus"),
        (Doubled(), "repeat"),
        (nn.AdaptiveAvgPool2d(2), "pooling to 2"),
        (nn.Flatten(2), "flattening"),
        (nn.Conv2d(2, 2, 3, padding="same"), "padding by name"),
        (nn.BatchNorm2d(2, track_running_stats=False), "without weights or statistics"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unknown_step_is_named(step: nn.Module, named: str) -> None:
    static = network_of(ConvNormAct((2, 4, 4), 3, 3, 1, "relu"))
    static.layers["stem"] = step
    with pytest.raises(UsageError, match=named) as caught:
        export_onnx(static, facts(TINY, LARGEST, TEN))
    assert caught.value.code == "unsupported_operator"
    assert "stem" in caught.value.message


MORE_LAYERS = (
    ShuffleUnit((16, 8, 8), 16, 1),
    ShuffleUnit((16, 8, 8), 32, 2),
    ConvNormAct((4, 8, 8), 6, 3, 2, "relu6"),
    ConvNormAct((4, 8, 8), 6, 1, 1, "hard_swish"),
    NormAct((5, 4, 4), "identity"),
    PooledHead((8, 4, 4), 0, "identity", 3),
)


def one_of_each_kind() -> tuple[LayerSpec, ...]:
    found = {spec.kind: spec for space in (TINY, CELL) for spec in space_tables(space).layers}
    return (*found.values(), *MORE_LAYERS)


def test_every_kind_of_layer_is_tried() -> None:
    assert {spec.kind for spec in one_of_each_kind()} == set(STATIC_LAYERS)


@pytest.mark.parametrize("spec", one_of_each_kind(), ids=lambda spec: spec.kind)
def test_a_lone_layer_is_a_valid_file_with_its_parameters(spec: LayerSpec, tmp_path: Path) -> None:
    data = export_layer(spec, seed=3)
    model = onnx.load_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert num_values(model) == spec.num_params
    assert {entry.key: entry.value for entry in model.metadata_props}["layer"] == spec.signature()
    dims = [dim.dim_param or dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == ["batch", *spec.in_shape]
    assert data == export_layer(spec, seed=3)


def test_a_lone_layer_is_the_layer_of_the_network() -> None:
    for space in (TINY, CELL):
        architecture = next(drawn(space, 1, seed=4))
        whole = operators(onnx.load_from_string(exported(space, architecture)))
        parts = [
            name
            for spec in layers(space, architecture)
            for name in operators(onnx.load_from_string(export_layer(spec)))
        ]
        # Whatever else a network has joins layers: sums and zeros.
        joining = {"Add", "Shape", "Constant", "Concat", "ConstantOfShape"}
        assert sorted(name for name in whole if name not in joining) == sorted(
            name for name in parts if name not in joining
        )


def test_a_lone_layers_weights_are_neither_tiny_nor_huge() -> None:
    for spec in one_of_each_kind():
        model = onnx.load_from_string(export_layer(spec))
        for tensor in model.graph.initializer:
            values = numpy_helper.to_array(tensor)
            assert np.isfinite(values).all()
            assert 1e-3 < np.abs(values).max() < 20, tensor.name
