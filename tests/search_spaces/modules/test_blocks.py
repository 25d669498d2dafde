"""Every elastic block runs as the layer it is given."""

import pytest
import torch
from torch import Tensor

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
from search_spaces.modules.blocks import ELASTIC_BLOCKS, ElasticBlock
from search_spaces.modules.static import STATIC_LAYERS, build_layer
from search_spaces.modules.statistics import Statistics
from tests.search_spaces.modules.moment_recorder import MomentRecorder

# Layers that share one set of weights, so that each but one is narrower somewhere than the weights are.
FAMILIES: list[list[LayerSpec]] = [
    [Normalize((3, 8, 8)), Normalize((3, 6, 6))],
    [ConvNormAct((4, 8, 8), 16, 3, 2, "hard_swish"), ConvNormAct((8, 6, 6), 8, 5, 2, "hard_swish")],
    [
        InvertedResidual((8, 8, 8), 32, 8, 3, 1, 8, "hard_swish", True),
        InvertedResidual((16, 6, 6), 16, 16, 5, 1, 4, "hard_swish", True),
        InvertedResidual((8, 5, 5), 16, 12, 7, 2, 0, "relu6", False),
    ],
    [PooledHead((8, 3, 3), 16, "relu", 5), PooledHead((4, 2, 2), 24, "relu", 5)],
    [PooledHead((8, 3, 3), 0, "identity", 5), PooledHead((4, 2, 2), 0, "identity", 5)],
    [ActConvNorm((8, 6, 6), 8, 1), ActConvNorm((4, 6, 6), 8, 3)],
    [AveragePool((8, 6, 6), 3), AveragePool((4, 5, 5), 3)],
    [NormAct((8, 6, 6), "relu"), NormAct((4, 6, 6), "relu")],
    [BasicBlock((8, 6, 6), 8, 1, False), BasicBlock((4, 6, 6), 4, 1, False)],
    [BasicBlock((8, 6, 6), 12, 2, True), BasicBlock((4, 5, 5), 16, 2, True)],
    [ShuffleUnit((16, 6, 6), 16, 1), ShuffleUnit((8, 6, 6), 8, 1)],
    [ShuffleUnit((16, 6, 6), 8, 2), ShuffleUnit((6, 5, 5), 16, 2)],
]
CASES = [(family, spec) for family in FAMILIES for spec in family]


def perturbed_block(family: list[LayerSpec]) -> ElasticBlock:
    """Return the block of a family with random weights, scales, shifts and normalisation."""
    block = ELASTIC_BLOCKS[family[0].kind](family, "slot")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in (*block.parameters(), *block.buffers()):
            weight.add_(0.3 * torch.rand(weight.shape, generator=generator))
    return block


def images(spec: LayerSpec, seed: int) -> Tensor:
    return torch.randn(4, *spec.in_shape, generator=torch.Generator().manual_seed(seed))


def settled(block: ElasticBlock, spec: LayerSpec) -> Statistics:
    recorder = MomentRecorder()
    with torch.no_grad():
        block(images(spec, seed=1), spec, recorder)
    return recorder.statistics()


@pytest.mark.parametrize(("family", "spec"), CASES, ids=[spec.signature() for _, spec in CASES])
def test_a_block_computes_what_the_static_layer_with_its_weights_computes(
    family: list[LayerSpec], spec: LayerSpec
) -> None:
    block = perturbed_block(family)
    statistics = settled(block, spec)
    static, state = build_layer(spec), block.narrowed(spec)
    for path, name in block.norm_names(spec).items():
        mean, variance = statistics.of(name, len(state[f"{path}.weight"]))
        state |= {f"{path}.running_mean": mean, f"{path}.running_var": variance}
        state[f"{path}.num_batches_tracked"] = torch.tensor(1)
    static.load_state_dict(state)
    x = images(spec, seed=2)
    with torch.no_grad():
        found = block(x, spec, statistics)
        torch.testing.assert_close(found, static.eval()(x), rtol=1e-4, atol=1e-5)
    assert found.std() > 0.01


@pytest.mark.parametrize(("family", "spec"), CASES, ids=[spec.signature() for _, spec in CASES])
def test_batch_norms_that_run_are_those_that_are_named(family: list[LayerSpec], spec: LayerSpec) -> None:
    block = perturbed_block(family)
    names = set(block.norm_names(spec).values())
    assert set(settled(block, spec).moments) == names
    assert all(name.startswith("slot.") for name in names)


def test_every_kind_of_layer_has_a_block_and_a_case() -> None:
    assert set(ELASTIC_BLOCKS) == set(STATIC_LAYERS) == {spec.kind for _, spec in CASES}
