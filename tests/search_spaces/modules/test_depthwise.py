"""The depthwise convolution against torch's own: values and both gradients."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from search_spaces.modules.depthwise import depthwise_conv2d


def inputs(kernel: int, channels: int = 5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(kernel)
    x = torch.randn(3, channels, 9, 8, generator=generator, dtype=torch.float64)
    # A part of a larger weight, as an elastic layer cuts it out: not contiguous.
    weight = torch.randn(channels + 2, 1, kernel + 2, kernel + 2, generator=generator, dtype=torch.float64)
    x = x.to(memory_format=torch.channels_last)
    return x.requires_grad_(), weight[:channels, :, 1:-1, 1:-1].requires_grad_()


def native(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    return functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_values_and_gradients_are_those_of_torch(kernel: int, stride: int) -> None:
    x, weight = inputs(kernel)
    expected = native(x, weight, stride)
    found = depthwise_conv2d(x, weight, stride)
    assert torch.equal(found, expected)
    upstream = torch.randn(expected.shape, dtype=torch.float64)
    for ours, theirs in zip(
        torch.autograd.grad(found, (x, weight), upstream),
        torch.autograd.grad(expected, (x, weight), upstream),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_gradient_that_nobody_asks_for_is_not_needed(wanted: int) -> None:
    tensors = inputs(3)
    tensors[1 - wanted].requires_grad_(False)
    upstream = torch.ones(3, 5, 9, 8, dtype=torch.float64)
    (found,) = torch.autograd.grad(depthwise_conv2d(*tensors, 1), tensors[wanted], upstream)
    (expected,) = torch.autograd.grad(native(*tensors, 1), tensors[wanted], upstream)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_inference_keeps_nothing_for_a_gradient() -> None:
    x, weight = inputs(3)
    with torch.inference_mode():
        assert torch.equal(depthwise_conv2d(x, weight, 1), native(x, weight, 1))
    assert depthwise_conv2d(x.detach(), weight.detach(), 1).grad_fn is None
