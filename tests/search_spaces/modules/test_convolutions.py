"""Which convolutions a layer is made of."""

from math import prod

import pytest

from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    Normalize,
    PooledHead,
    ShuffleUnit,
)
from search_spaces.modules.convolutions import Convolution, convolutions

PARTS: list[tuple[LayerSpec, list[str]]] = [
    (ConvNormAct((3, 8, 8), 16, 3, 2, "relu"), ["conv"]),
    (ActConvNorm((8, 8, 8), 8, 3), ["conv"]),
    (InvertedResidual((8, 8, 8), 16, 8, 3, 1, 0, "relu", True), ["expand", "depthwise", "project"]),
    (
        InvertedResidual((8, 8, 8), 16, 8, 3, 1, 4, "relu", True),
        ["expand", "depthwise", "reduce", "excite", "project"],
    ),
    (InvertedResidual((8, 8, 8), 8, 8, 3, 1, 0, "relu", True), ["depthwise", "project"]),
    (PooledHead((8, 2, 2), 16, "relu", 5), ["features", "classifier"]),
    (PooledHead((8, 2, 2), 0, "identity", 5), ["classifier"]),
    (BasicBlock((8, 8, 8), 8, 1, False), ["first", "second"]),
    (BasicBlock((8, 8, 8), 16, 2, True), ["first", "second", "shortcut"]),
    (ShuffleUnit((16, 8, 8), 16, 1), ["expand", "depthwise", "project"]),
    (
        ShuffleUnit((16, 8, 8), 24, 2),
        ["expand", "depthwise", "project", "side_depthwise", "side_project"],
    ),
    (Normalize((3, 8, 8)), []),
    (AveragePool((3, 8, 8), 3), []),
]


@pytest.mark.parametrize(("spec", "names"), PARTS, ids=[spec.signature() for spec, _ in PARTS])
def test_parts_come_in_order_and_hold_the_parameters_of_the_layer(spec: LayerSpec, names: list[str]) -> None:
    found = convolutions(spec)
    assert list(found) == names
    if names:
        weights = sum(prod(shape.weight_shape) + shape.out_channels for shape in found.values())
        assert weights == spec.num_params


def test_a_depthwise_convolution_has_a_group_for_each_channel() -> None:
    assert Convolution(8, 8, 3, depthwise=True).groups == 8
    assert Convolution(8, 8, 3, depthwise=True).weight_shape == (8, 1, 3, 3)
    assert Convolution(8, 4, 3).groups == 1


def test_gates_and_classifiers_have_a_bias_instead_of_a_norm() -> None:
    parts = convolutions(InvertedResidual((8, 8, 8), 16, 8, 3, 1, 4, "relu", True))
    parts |= convolutions(PooledHead((8, 2, 2), 16, "relu", 5))
    assert [name for name, shape in parts.items() if not shape.norm] == [
        "reduce", "excite", "features", "classifier",
    ]  # fmt: skip
