"""Batch norm over a batch that several workers share: moments of all of it, with gradients.

B images of this worker, C channels, H x W pixels. Reductions and normalisation are those of torch's own batch
norm: on channels-last images others take several times as long.
"""

from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from nas.training.group import Group
from search_spaces.modules.static import BATCH_NORM_EPSILON


@final
class SharedMoments:
    """Normalises by the moments of the whole batch; a `Normalizer`.

    Args:
        group: The workers.
        share: Of the batch's images that this worker has.
    """

    def __init__(self, group: Group, share: float) -> None:
        self._group = group
        self._share = share

    def __call__(self, name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
        """Return the normalised features of this worker's images."""
        y_BCHW: Tensor = _SharedBatchNorm.apply(x_BCHW, weight_C, bias_C, self._group, self._share)  # type: ignore[no-untyped-call]
        return y_BCHW


class _SharedBatchNorm(Function):
    """Batch norm, its moments and their gradients summed over workers (Ioffe and Szegedy 2015, section 3)."""

    @staticmethod
    def forward(
        ctx: Any, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor, group: Group, share: float
    ) -> Tensor:
        nothing_C = torch.zeros_like(weight_C)
        mean_C, variance_C = torch.batch_norm_update_stats(x_BCHW, nothing_C, nothing_C.clone(), 1.0)
        mean_C, variance_C = mean_C.double(), variance_C.double()
        # In double precision the mean square loses nothing against the variance.
        moments = torch.cat([mean_C, variance_C + mean_C**2]) * share
        group.sum_(moments)
        mean_C, square_C = moments.chunk(2)
        variance_C = (square_C - mean_C**2).clamp_min(0.0).to(x_BCHW.dtype)
        mean_C = mean_C.to(x_BCHW.dtype)
        ctx.save_for_backward(x_BCHW, weight_C, mean_C, variance_C)
        ctx.group, ctx.share = group, share
        return functional.batch_norm(x_BCHW, mean_C, variance_C, weight_C, bias_C, eps=BATCH_NORM_EPSILON)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (dy_BCHW,) = gradients
        x_BCHW, weight_C, mean_C, variance_C = ctx.saved_tensors
        # Of the normalised input with constant moments, torch sums up the gradients of scale and shift.
        _, dweight_C, dbias_C = torch.ops.aten.native_batch_norm_backward(
            dy_BCHW,
            x_BCHW,
            weight_C,
            mean_C,
            variance_C,
            None,
            None,
            False,
            BATCH_NORM_EPSILON,
            (False, True, True),
        )
        sums = torch.cat([dweight_C, dbias_C])
        ctx.group.sum_(sums)
        # What goes through the moments: the means over the whole batch of the gradient, times the normalised
        # input and alone. One pass normalises so, another adds what goes through the input itself.
        count = x_BCHW.numel() // x_BCHW.shape[1] / ctx.share
        scale_C = weight_C / torch.sqrt(variance_C + BATCH_NORM_EPSILON)
        product_C, plain_C = (part * scale_C / -count for part in sums.chunk(2))
        dx_BCHW = functional.batch_norm(
            x_BCHW, mean_C, variance_C, product_C, plain_C, eps=BATCH_NORM_EPSILON
        )
        dx_BCHW.addcmul_(dy_BCHW, scale_C[:, None, None])
        return dx_BCHW, dweight_C, dbias_C, None, None
