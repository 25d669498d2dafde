"""Weights used in part."""

import torch
from torch.nn import functional

from search_spaces.modules.convolutions import Convolution
from search_spaces.modules.elastic import ElasticConv, ElasticNorm
from search_spaces.modules.statistics import batch_moments

LARGE = Convolution(6, 8, kernel=5)
SMALL = Convolution(4, 3, kernel=3, stride=2)


def numbered(conv: ElasticConv) -> torch.Tensor:
    """Give every weight a value of its own."""
    with torch.no_grad():
        conv.weight.copy_(torch.arange(conv.weight.numel()).reshape(conv.weight.shape) / 1000)
    return conv.weight.detach()


def test_weights_are_as_large_as_the_largest_in_every_direction() -> None:
    conv = ElasticConv([Convolution(2, 9, kernel=1), Convolution(7, 3, kernel=5)], "conv")
    assert conv.weight.shape == (9, 7, 5, 5)


def test_a_smaller_convolution_has_the_first_channels_and_the_centre_of_the_kernel() -> None:
    conv = ElasticConv([LARGE, SMALL], "conv")
    weight = numbered(conv)
    torch.testing.assert_close(conv.sliced(SMALL), weight[:3, :4, 1:4, 1:4])
    torch.testing.assert_close(conv.sliced(Convolution(4, 3)), weight[:3, :4, 2:3, 2:3])
    torch.testing.assert_close(conv.sliced(LARGE), weight)


def test_it_runs_as_the_convolution_it_is_given() -> None:
    conv = ElasticConv([LARGE, SMALL], "conv")
    weight = numbered(conv)
    x = torch.randn(2, 4, 7, 7, generator=torch.Generator().manual_seed(0))
    expected = functional.conv2d(x, weight[:3, :4, 1:4, 1:4], None, 2, 1)
    expected = functional.batch_norm(expected, None, None, training=True)
    torch.testing.assert_close(conv(x, SMALL, batch_moments), expected)


def test_depthwise_kernels_belong_to_channels() -> None:
    shapes = [Convolution(width, width, kernel, depthwise=True) for width, kernel in ((8, 3), (4, 5))]
    conv = ElasticConv(shapes, "depthwise")
    weight = numbered(conv)
    assert weight.shape == (8, 1, 5, 5)
    x = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    each = [functional.conv2d(x[:, i : i + 1], weight[i : i + 1, :, 1:4, 1:4], padding=1) for i in range(8)]
    expected = functional.batch_norm(torch.cat(each, 1), None, None, training=True)
    torch.testing.assert_close(conv(x, shapes[0], batch_moments), expected)


def test_without_norm_there_is_a_bias_for_the_first_channels() -> None:
    shapes = [Convolution(4, width, norm=False) for width in (3, 6)]
    conv = ElasticConv(shapes, "classifier")
    assert conv.norm is None
    assert conv.bias is not None
    with torch.no_grad():
        conv.bias.copy_(torch.arange(6))
    found = conv(torch.zeros(1, 4, 1, 1), shapes[0], batch_moments).flatten()
    torch.testing.assert_close(found, torch.tensor([0.0, 1.0, 2.0]))
    assert set(conv.narrowed(shapes[0])) == {"conv.weight", "conv.bias"}


def test_narrowed_weights_have_the_names_of_the_static_form() -> None:
    conv = ElasticConv([LARGE, SMALL], "slot.conv")
    found = conv.narrowed(SMALL)
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    assert shapes == {"conv.weight": (3, 4, 3, 3), "norm.weight": (3,), "norm.bias": (3,)}


def test_a_norm_scales_and_shifts_the_first_channels_under_its_name() -> None:
    norm = ElasticNorm(4, "slot.norm")
    with torch.no_grad():
        norm.weight.copy_(torch.arange(4))
        norm.bias.copy_(10 * torch.arange(4))
    asked: list[str] = []

    def plain(name: str, x_BCHW: torch.Tensor, weight_C: torch.Tensor, bias_C: torch.Tensor) -> torch.Tensor:
        asked.append(name)
        return x_BCHW * weight_C[:, None, None] + bias_C[:, None, None]

    found = norm(torch.ones(1, 3, 1, 1), plain).flatten()
    torch.testing.assert_close(found, torch.tensor([0.0, 11.0, 22.0]))
    assert asked == ["slot.norm"]


def test_only_the_part_in_use_is_trained() -> None:
    conv = ElasticConv([LARGE, SMALL], "conv")
    conv(torch.rand(2, 4, 7, 7), SMALL, batch_moments).square().sum().backward()
    assert conv.weight.grad is not None
    used = torch.zeros_like(conv.weight, dtype=torch.bool)
    used[:3, :4, 1:4, 1:4] = True
    assert (conv.weight.grad[~used] == 0).all()
    assert (conv.weight.grad[used] != 0).any()
