"""Work, parameters and memory of every kind of layer, by hand and against torch."""

import json

import pytest
import torch

from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
    ShuffleUnit,
)
from search_spaces.modules.static import STATIC_LAYERS, build_layer
from tests.search_spaces.counting import convolution_macs, folded_params

# Layer, output shape, MACs, parameters, most values alive at once. In the comments: the step that needs them.
BY_HAND: list[tuple[LayerSpec, tuple[int, int, int], int, int, int]] = [
    (Normalize((3, 32, 32)), (3, 32, 32), 3072, 6, 6144),
    (Normalize((1, 16, 16)), (1, 16, 16), 256, 2, 512),
    (NormAct((16, 8, 8), "relu"), (16, 8, 8), 1024, 32, 2048),
    (NormAct((3, 4, 5), "hard_swish"), (3, 4, 5), 60, 6, 120),
    (AveragePool((8, 16, 16), 3), (8, 16, 16), 0, 0, 4096),
    (AveragePool((4, 5, 5), 3), (4, 5, 5), 0, 0, 200),
    # 27 * 16 weights, 16 * 16 positions
    (ConvNormAct((3, 32, 32), 16, 3, 2, "hard_swish"), (16, 16, 16), 110_592, 448, 7168),
    (ConvNormAct((96, 4, 4), 960, 1, 1, "relu"), (960, 4, 4), 1_474_560, 93_120, 16_896),
    # an odd size: 7 pixels with stride 2 give 4
    (ConvNormAct((8, 7, 7), 8, 5, 2, "identity"), (8, 4, 4), 25_600, 1608, 520),
    # expand 65,536, depthwise 9,216, squeeze-excite 2 * 1,024, project 24,576; depthwise 4096 + 1024
    (
        InvertedResidual((16, 8, 8), 64, 24, 3, 2, 16, "hard_swish", False),
        (24, 4, 4),
        101_376,
        1088 + 640 + 1040 + 1088 + 1560,
        5120,
    ),
    # expand 65,536, depthwise 102,400, project 65,536; depthwise 4096 + 4096 and the input, 1024
    (
        InvertedResidual((16, 8, 8), 64, 16, 5, 1, 0, "relu", True),
        (16, 8, 8),
        233_472,
        1088 + 1664 + 1040,
        9216,
    ),
    # no expansion: the depthwise step reads the input itself; project 1024 + 1024 and the input, 1024
    (InvertedResidual((16, 8, 8), 16, 16, 3, 1, 0, "relu", True), (16, 8, 8), 25_600, 160 + 272, 3072),
    (PooledHead((96, 4, 4), 128, "hard_swish", 10), (10, 1, 1), 13_568, 12_416 + 1290, 1632),
    (PooledHead((1280, 1, 1), 0, "identity", 1000), (1000, 1, 1), 1_280_000, 1_281_000, 2560),
    # the activation copies its input: 2 * 2048
    (ActConvNorm((8, 16, 16), 8, 3), (8, 16, 16), 147_456, 584, 4096),
    (ActConvNorm((4, 8, 8), 16, 1), (16, 8, 8), 4096, 80, 1280),
    # second convolution: 1024 + 1024 and the input, 1024
    (BasicBlock((16, 8, 8), 16, 1, False), (16, 8, 8), 294_912, 4640, 3072),
    # 73,728 + 147,456 and the projection's 8,192; projection: 1024 + 512 beside the branch's 512
    (BasicBlock((16, 8, 8), 32, 2, True), (32, 4, 4), 229_376, 4640 + 9248 + 544, 2048),
    # 36,864 + 3,456 + 9,216 and 3,456 + 9,216 beside; depthwise: 1536 + 384 and the input, 1536
    (ShuffleUnit((24, 8, 8), 48, 2), (48, 4, 4), 62_208, 600 + 240 + 600 + 240 + 600, 3456),
    # 9,216 + 3,456 + 9,216; the shuffle: 768 + 768
    (ShuffleUnit((48, 4, 4), 48, 1), (48, 4, 4), 21_888, 600 + 240 + 600, 1536),
]
SPECS = [row[0] for row in BY_HAND]
WITHOUT_CONVOLUTION = (Normalize, NormAct, AveragePool)

each_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.signature())


@pytest.mark.parametrize(
    ("spec", "out_shape", "macs", "num_params", "live_values"),
    BY_HAND,
    ids=[spec.signature() for spec in SPECS],
)
def test_costs_are_those_worked_out_by_hand(
    spec: LayerSpec, out_shape: tuple[int, int, int], macs: int, num_params: int, live_values: int
) -> None:
    assert spec.out_shape == out_shape
    assert spec.macs == macs
    assert spec.num_params == num_params
    assert spec.activation_bytes == 4 * live_values


def test_every_kind_is_worked_out_at_least_twice() -> None:
    kinds = [spec.kind for spec in SPECS]
    assert {kind for kind in STATIC_LAYERS if kinds.count(kind) < 2} == set()


@each_spec
def test_torch_counts_the_same(spec: LayerSpec) -> None:
    module = build_layer(spec)
    assert folded_params(module) == (0 if isinstance(spec, WITHOUT_CONVOLUTION) else spec.num_params)
    counted = convolution_macs(module, torch.rand(2, *spec.in_shape))
    assert counted == (0 if isinstance(spec, WITHOUT_CONVOLUTION) else spec.macs)


@each_spec
def test_torch_gives_the_output_shape(spec: LayerSpec) -> None:
    with torch.no_grad():
        y = build_layer(spec).eval()(torch.rand(2, *spec.in_shape))
    assert y.numel() == 2 * spec.out_shape[0] * spec.out_shape[1] * spec.out_shape[2]
    assert tuple(y.shape) == (2, *(spec.out_shape if y.ndim == 4 else spec.out_shape[:1]))


def test_a_signature_is_stable() -> None:
    """Lookup tables are keyed by it: another text is another table."""
    assert ConvNormAct((3, 32, 32), 16, 3, 2, "relu").signature() == (
        '{"activation":"relu","in_shape":[3,32,32],"kernel":3,"kind":"conv_norm_act",'
        '"out_channels":16,"stride":2,"v":1}'
    )


def test_a_signature_tells_kinds_with_equal_fields_apart() -> None:
    parsed = [json.loads(spec.signature()) for spec in (Normalize((3, 8, 8)), AveragePool((3, 8, 8), 3))]
    assert [one["kind"] for one in parsed] == ["normalize", "average_pool"]
    assert Normalize((3, 8, 8)).signature() != NormAct((3, 8, 8), "identity").signature()


def test_an_expansion_to_the_same_width_is_no_layer() -> None:
    assert not InvertedResidual((16, 8, 8), 16, 24, 3, 1, 0, "relu", False).expands
    assert InvertedResidual((16, 8, 8), 32, 24, 3, 1, 0, "relu", False).expands


def test_a_step_that_reads_what_is_held_for_the_addition_counts_it_once() -> None:
    spec = InvertedResidual((16, 8, 8), 16, 16, 3, 1, 0, "relu", True)
    assert [step.live_values for step in spec.operations] == [2 * 1024, 3 * 1024]
