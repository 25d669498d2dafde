"""Batch-norm statistics of a subnet, as a value.

A subnet's moments differ from those of every other subnet, so those gathered in training fit none. They are
gathered anew for each subnet that is scored or extracted (Yu and Huang 2019: calibration after training).
"""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nas.data.dataset import Dataset
from nas.training.augment import augment
from nas.training.options import Augmentation
from search_spaces.base import Architecture
from search_spaces.modules.static import BATCH_NORM_EPSILON
from search_spaces.modules.statistics import Statistics
from search_spaces.modules.supernet import Supernet

BATCH: Final = 250


def calibration_images(dataset: Dataset, resolution: int, n: int, seed: int) -> NDArray[np.uint8]:
    """Return n different training images (all, where there are fewer), in an order fixed by the seed."""
    order = np.random.default_rng(seed).permutation(len(dataset.labels("train")))
    return dataset.images("train", resolution)[order[:n]]


def recalibrate(
    supernet: Supernet,
    architecture: Architecture,
    images_NCRR: NDArray[np.uint8],
    augmentation: Augmentation,
    seed: int,
) -> Statistics:
    """Return the moments of a subnet over given images.

    Images are varied one by one, as in training, and the moments are cumulative: every image counts the
    same. Each batch is normalised by its own moments on the way.

    Args:
        supernet: The weights.
        architecture: Which subnet.
        images_NCRR: Training images at the subnet's resolution, 0..255.
        augmentation: That of training.
        seed: Of the augmentation.
    """
    moments = _CumulativeMoments()
    rng = np.random.default_rng(seed)
    count = max(round(len(images_NCRR) / BATCH), 1)
    with torch.inference_mode():
        for part in np.array_split(images_NCRR, count):
            supernet(augment(part, augmentation, rng), architecture, moments)
    return moments.statistics()


class _CumulativeMoments:
    """Normalises by the batch, exactly as in training, and sums up its moments; a `Normalizer`.

    The moments are those that the normalisation itself leaves behind: on channels-last images a reduction of
    their own takes ten times as long.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor, Tensor, int]] = {}

    def __call__(self, name: str, x_BCHW: Tensor, weight_C: Tensor, bias_C: Tensor) -> Tensor:
        count = x_BCHW.numel() // x_BCHW.shape[1]
        mean_C, variance_C = torch.zeros_like(weight_C), torch.zeros_like(weight_C)
        # Momentum 1 forgets what stood there before.
        y_BCHW = functional.batch_norm(
            x_BCHW, mean_C, variance_C, weight_C, bias_C, training=True, momentum=1.0, eps=BATCH_NORM_EPSILON
        )
        first_C = mean_C.double() * count
        # What is left behind is the sample variance, with count - 1 below the line.
        second_C = variance_C.double() * (count - 1) + mean_C.double() ** 2 * count
        before = self._sums.get(name)
        if before is not None:
            first_C, second_C, count = first_C + before[0], second_C + before[1], count + before[2]
        self._sums[name] = (first_C, second_C, count)
        return y_BCHW

    def statistics(self) -> Statistics:
        """Return the moments over everything seen, each image counted the same."""
        return Statistics({name: _settled(*sums) for name, sums in self._sums.items()})


def _settled(first_C: Tensor, second_C: Tensor, count: int) -> tuple[Tensor, Tensor]:
    mean_C = first_C / count
    return mean_C.float(), (second_C / count - mean_C**2).clamp_min(0.0).float()
