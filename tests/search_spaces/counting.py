"""Counts the work of torch modules while they run: independent of how layers count themselves."""

import torch
from torch import Tensor, nn


def convolution_macs(module: nn.Module, images_BCHW: Tensor) -> int:
    """Return the multiply-adds of every convolution for one image, seen by hooks during a forward."""
    found: list[int] = []

    def count(conv: nn.Module, _: tuple[Tensor, ...], y_BCHW: Tensor) -> None:
        assert isinstance(conv, nn.Conv2d)
        kernel_height, kernel_width = conv.kernel_size
        reads = conv.in_channels // conv.groups * kernel_height * kernel_width
        found.append(reads * y_BCHW[0].numel())

    hooks = [part.register_forward_hook(count) for part in module.modules() if isinstance(part, nn.Conv2d)]
    with torch.no_grad():
        module.eval()(images_BCHW)
    for hook in hooks:
        hook.remove()
    return sum(found)


def folded_params(module: nn.Module) -> int:
    """Return the weights of every convolution and one bias for each channel it writes."""
    convs = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    return sum(conv.weight.numel() + conv.out_channels for conv in convs)
