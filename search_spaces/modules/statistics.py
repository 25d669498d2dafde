"""Batch-norm statistics as values: a subnet's moments are passed in, never kept inside a module."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.nn import functional

from search_spaces.errors import UsageError
from search_spaces.modules.static import BATCH_NORM_EPSILON


class Normalizer(Protocol):
    """What a batch norm does with its input."""

    def __call__(self, name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
        """Normalise the input of the batch norm of that name."""


def batch_moments(name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
    """Normalise by the moments of the batch itself, as in training; the name is not needed."""
    return functional.batch_norm(x_BCHW, None, None, weight_C, bias_C, training=True, eps=BATCH_NORM_EPSILON)


@dataclass(frozen=True)
class Statistics:
    """Settled moments of one subnet; a `Normalizer`.

    Attributes:
        moments: Batch norm name to (mean, variance), each of shape (C,).
    """

    moments: Mapping[str, tuple[Tensor, Tensor]]

    def __call__(self, name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
        """Normalise by the settled moments."""
        mean_C, variance_C = self.of(name, x_BCHW.shape[1])
        return functional.batch_norm(x_BCHW, mean_C, variance_C, weight_C, bias_C, eps=BATCH_NORM_EPSILON)

    def of(self, name: str, channels: int) -> tuple[Tensor, Tensor]:
        """Return (mean, variance) of a batch norm, each of shape (channels,).

        Raises:
            UsageError: `missing_statistics` where the statistics belong to another subnet.
        """
        if name not in self.moments or len(self.moments[name][0]) != channels:
            raise UsageError(
                "missing_statistics",
                f"no batch-norm statistics for '{name}', {channels} channels: recalibrate this architecture",
            )
        return self.moments[name]
