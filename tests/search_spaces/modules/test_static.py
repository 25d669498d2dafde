"""Layers as deployed, against the same steps written out."""

from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from search_spaces.base import IMAGE
from search_spaces.layers import (
    ActConvNorm,
    Activation,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    NormAct,
    Normalize,
    PooledHead,
    ShuffleUnit,
)
from search_spaces.modules.convolutions import Convolution
from search_spaces.modules.static import (
    ACTIVATIONS,
    ChannelNormalize,
    ConvNorm,
    SplitChannels,
    StaticNetwork,
    Zeros,
    build_layer,
    key,
)
from search_spaces.network import Node


def randomised(module: nn.Module) -> nn.Module:
    """Give every weight and every batch-norm statistic a random value; return in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                drawn = torch.rand(value.shape, generator=generator)
                value.copy_(drawn + 0.5 if name.endswith(("running_var", "deviation")) else drawn - 0.4)
    return module.eval()


def run(module: nn.Module, conv: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    """Apply one named convolution of a layer with its norm, from the state alone."""
    state = {name.removeprefix(f"convs.{conv}."): value for name, value in module.state_dict().items()}
    weight = state["conv.weight"]
    y = functional.conv2d(x, weight, state.get("conv.bias"), stride, weight.shape[-1] // 2, groups=groups)
    if "norm.weight" not in state:
        return y
    scale = state["norm.weight"] / (state["norm.running_var"] + 1e-5).sqrt()
    shift = state["norm.bias"] - state["norm.running_mean"] * scale
    normalised: Tensor = y * scale[:, None, None] + shift[:, None, None]
    return normalised


def images(*shape: int) -> Tensor:
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(1)) - 0.5


def assert_runs_as(module: nn.Module, x: Tensor, expected: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(module(x), expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0.01


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("squeeze", [0, 8])
@pytest.mark.parametrize("hidden", [8, 24])
def test_an_inverted_residual_step_by_step(hidden: int, squeeze: int, residual: bool) -> None:
    spec = InvertedResidual((8, 7, 7), hidden, 8, 5, 1, squeeze, "hard_swish", residual)
    module, x = randomised(build_layer(spec)), images(8, 7, 7)
    y = functional.hardswish(run(module, "expand", x)) if hidden != 8 else x
    y = functional.hardswish(run(module, "depthwise", y, groups=hidden))
    if squeeze:
        gate = functional.relu(run(module, "reduce", y.mean((2, 3), keepdim=True)))
        y = y * functional.hardsigmoid(run(module, "excite", gate))
    y = run(module, "project", y)
    assert_runs_as(module, x, x + y if residual else y)


def test_an_inverted_residual_strides_in_the_depthwise_step() -> None:
    module = randomised(build_layer(InvertedResidual((8, 7, 7), 16, 12, 3, 2, 0, "relu6", False)))
    x = 20 * images(8, 7, 7)
    y = run(module, "expand", x).clamp(0, 6)
    y = run(module, "depthwise", y, stride=2, groups=16).clamp(0, 6)
    assert_runs_as(module, x, run(module, "project", y))


@pytest.mark.parametrize("projection", [False, True])
def test_a_basic_block_step_by_step(projection: bool) -> None:
    spec = BasicBlock((8, 6, 6), 12 if projection else 8, 2 if projection else 1, projection)
    module, x = randomised(build_layer(spec)), images(8, 6, 6)
    y = run(module, "second", functional.relu(run(module, "first", x, spec.stride)))
    shortcut = run(module, "shortcut", x, 2) if projection else x
    assert_runs_as(module, x, functional.relu(y + shortcut))


def interleaved(first: Tensor, second: Tensor) -> Tensor:
    """Channels of two halves in turn: the shuffle of two groups."""
    return torch.stack([half[:, i] for i in range(first.shape[1]) for half in (first, second)], 1)


def test_a_shuffle_unit_passes_half_of_the_channels_by() -> None:
    module, x = randomised(build_layer(ShuffleUnit((8, 6, 6), 8, 1))), images(8, 6, 6)
    y = functional.relu(run(module, "expand", x[:, 4:]))
    y = functional.relu(run(module, "project", run(module, "depthwise", y, groups=4)))
    assert_runs_as(module, x, interleaved(x[:, :4], y))


def test_a_strided_shuffle_unit_has_two_branches() -> None:
    module, x = randomised(build_layer(ShuffleUnit((6, 6, 6), 16, 2))), images(6, 6, 6)
    y = functional.relu(run(module, "expand", x))
    y = functional.relu(run(module, "project", run(module, "depthwise", y, 2, groups=8)))
    side = functional.relu(run(module, "side_project", run(module, "side_depthwise", x, 2, groups=6)))
    assert_runs_as(module, x, interleaved(side, y))


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_head_pools_before_its_linear_layers(hidden: int) -> None:
    module = randomised(build_layer(PooledHead((8, 3, 3), hidden, "hard_swish", 5)))
    y = images(8, 3, 3).mean((2, 3), keepdim=True)
    if hidden:
        y = functional.hardswish(run(module, "features", y))
    assert_runs_as(module, images(8, 3, 3), run(module, "classifier", y)[:, :, 0, 0])


def test_an_operation_of_a_cell_activates_before_the_convolution() -> None:
    module = randomised(build_layer(ActConvNorm((4, 5, 5), 6, 3)))
    assert_runs_as(module, images(4, 5, 5), run(module, "conv", functional.relu(images(4, 5, 5))))


def test_a_convolution_activates_after_its_norm() -> None:
    module = randomised(build_layer(ConvNormAct((4, 5, 5), 6, 3, 2, "relu")))
    assert_runs_as(module, images(4, 5, 5), functional.relu(run(module, "conv", images(4, 5, 5), 2)))


def test_average_pooling_does_not_count_the_padding() -> None:
    found = build_layer(AveragePool((1, 2, 3), 3))(torch.tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]]))
    torch.testing.assert_close(found, torch.tensor([[[[3.0, 3.5, 4.0], [3.0, 3.5, 4.0]]]]))


def test_a_norm_of_its_own_activates() -> None:
    module, x = randomised(build_layer(NormAct((3, 4, 4), "relu"))), images(3, 4, 4)
    state = {name: value[:, None, None] for name, value in module.state_dict().items() if value.ndim}
    y = (x - state["norm.running_mean"]) / (state["norm.running_var"] + 1e-5).sqrt()
    assert_runs_as(module, x, functional.relu(y * state["norm.weight"] + state["norm.bias"]))


def test_normalisation_is_by_channel() -> None:
    module = ChannelNormalize(2)
    module.mean.copy_(torch.tensor([1.0, 2.0]))
    module.deviation.copy_(torch.tensor([2.0, 4.0]))
    found = module(torch.full((1, 2, 1, 1), 5.0)).flatten()
    torch.testing.assert_close(found, torch.tensor([2.0, 0.75]))


def test_zeros_have_the_batch_of_the_images() -> None:
    assert Zeros((4, 2, 2))(torch.rand(3, 1, 8, 8)).shape == (3, 4, 2, 2)


def test_halves_of_the_channels() -> None:
    x = torch.arange(4.0).reshape(1, 4, 1, 1)
    assert SplitChannels(4, second=False)(x).flatten().tolist() == [0, 1]
    assert SplitChannels(4, second=True)(x).flatten().tolist() == [2, 3]


def test_a_convolution_has_a_norm_or_a_bias() -> None:
    with_norm, with_bias = ConvNorm(Convolution(3, 4)), ConvNorm(Convolution(3, 4, norm=False))
    assert set(dict(with_norm.named_parameters())) == {"conv.weight", "norm.weight", "norm.bias"}
    assert set(dict(with_bias.named_parameters())) == {"conv.weight", "conv.bias"}


def test_every_activation_can_be_built() -> None:
    assert set(ACTIVATIONS) == set(get_args(Activation))


def test_a_network_sums_its_inputs_and_feeds_zeros_where_there_are_none() -> None:
    normalize = Normalize((2, 1, 1))
    nodes = (
        Node("a.b", normalize, (IMAGE,)),
        Node("zero", normalize, ()),
        Node("end", normalize, ("a.b", "a.b", "zero", IMAGE)),
    )
    found = StaticNetwork(nodes)(torch.full((3, 2, 1, 1), 2.0))
    torch.testing.assert_close(found, torch.full((3, 2, 1, 1), 6.0))


def test_names_of_slots_are_fit_for_torch() -> None:
    assert key("stage1.block2") == "stage1/block2"
