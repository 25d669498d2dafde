import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from nas.export.graph import IR_VERSION, OPSET_VERSION
from nas.export.onnx import export_layer
from search_spaces.base import SearchSpace
from search_spaces.layers import ConvNormAct, LayerSpec, NormAct, PooledHead, ShuffleUnit
from search_spaces.modules.static import STATIC_LAYERS
from search_spaces.network import layers, resolution
from search_spaces.slot_tables import space_tables
from tests.nas.export.networks import CELL, LARGEST, TINY, drawn, exported, operators, parameters


def num_values(model: onnx.ModelProto) -> int:
    return sum(values.size for values in parameters(model).values())


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


@pytest.mark.parametrize("space", [TINY, CELL], ids=lambda space: str(space.name))
def test_a_file_holds_as_many_values_as_the_layers_count(space: SearchSpace) -> None:
    for architecture in drawn(space, 5):
        model = onnx.load_from_string(exported(space, architecture))
        assert num_values(model) == sum(spec.num_params for spec in layers(space, architecture))


def test_equal_networks_give_equal_bytes_in_any_folder_and_process(repository: Path, tmp_path: Path) -> None:
    script = (
        "import hashlib, sys; from tests.nas.export.networks import exported, TINY, LARGEST;"
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
