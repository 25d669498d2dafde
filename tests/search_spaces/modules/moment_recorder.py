"""Moments of a subnet taken in float64 over all that passes: what recalibration is held against."""

import torch
from torch import Tensor
from torch.nn import functional

from search_spaces.modules.static import BATCH_NORM_EPSILON
from search_spaces.modules.statistics import Statistics


class MomentRecorder:
    """Normalises by batch moments and gathers their cumulative average; a `Normalizer`."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor, Tensor, int]] = {}

    def __call__(self, name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
        """Normalise by the batch, remembering its moments weighted by the number of values."""
        variance_C, mean_C = torch.var_mean(x_BCHW.detach(), dim=(0, 2, 3), correction=0)
        count = x_BCHW.shape[0] * x_BCHW.shape[2] * x_BCHW.shape[3]
        first = mean_C.double() * count
        second = (variance_C.double() + mean_C.double() ** 2) * count
        if name in self._sums:
            before = self._sums[name]
            first, second, count = first + before[0], second + before[1], count + before[2]
        self._sums[name] = (first, second, count)
        return functional.batch_norm(x_BCHW, mean_C, variance_C, weight_C, bias_C, eps=BATCH_NORM_EPSILON)

    def statistics(self) -> Statistics:
        """Return the moments over everything seen so far."""
        return Statistics({name: _moments(*sums) for name, sums in self._sums.items()})


def _moments(first_C: Tensor, second_C: Tensor, count: int) -> tuple[Tensor, Tensor]:
    mean_C = first_C / count
    return mean_C.float(), (second_C / count - mean_C**2).clamp_min(0).float()
