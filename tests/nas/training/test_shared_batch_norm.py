"""Held against torch's own batch norm over the whole batch, in double precision."""

import pytest
import torch
from torch import Tensor

from nas.training.group import Group, share_of
from nas.training.shared_batch_norm import SharedMoments
from search_spaces.modules.statistics import Normalizer, batch_moments
from tests.nas.training.together import together

B, C = 10, 6


def run(normalize: Normalizer, x: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
    """Output, and the gradients of input, scale and shift, of some loss."""
    generator = torch.Generator().manual_seed(2)
    weight = torch.rand(C, generator=generator, dtype=torch.float64).requires_grad_()
    bias = torch.randn(C, generator=generator, dtype=torch.float64).requires_grad_()
    own = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = normalize("norm", own, weight, bias)
    (y**3 * targets).sum().backward()
    assert own.grad is not None
    assert weight.grad is not None
    assert bias.grad is not None
    return y.detach(), own.grad, weight.grad, bias.grad


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", [2, 3])
def test_workers_together_normalise_as_one(memory_format: torch.memory_format, size: int) -> None:
    generator = torch.Generator().manual_seed(1)
    images = 3 * torch.randn(B, C, 5, 4, generator=generator, dtype=torch.float64) + 20
    images = images.to(memory_format=memory_format)
    targets = torch.randn(B, C, 5, 4, generator=generator, dtype=torch.float64)

    def work(group: Group) -> tuple[Tensor, ...]:
        mine = share_of(group, B)
        return run(SharedMoments(group, len(images[mine]) / B), images[mine], targets[mine])

    shared = together(size, work)
    y, dx, dweight, dbias = run(batch_moments, images, targets)
    torch.testing.assert_close(torch.cat([part[0] for part in shared]), y, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(torch.cat([part[1] for part in shared]), dx, rtol=1e-9, atol=1e-9)
    for place, whole in ((2, dweight), (3, dbias)):
        torch.testing.assert_close(sum(part[place] for part in shared), whole, rtol=1e-10, atol=1e-10)
