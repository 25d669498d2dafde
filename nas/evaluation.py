"""Accuracy of subnets: recalibrate, then score, image by image.

One answer for each image rather than one number, so that folds, paired tests and intervals come from the
same pass.
"""

from collections.abc import Callable
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from nas.data.contents import Part
from nas.data.dataset import Dataset
from nas.training.batch_norm import calibration_images, recalibrate
from nas.training.images import as_floats, channels_last
from nas.training.options import Augmentation
from nas.training_options import NUM_CALIBRATION_IMAGES
from search_spaces.base import Architecture
from search_spaces.modules.static import StaticNetwork
from search_spaces.modules.statistics import Statistics
from search_spaces.modules.supernet import Supernet
from search_spaces.network import resolution

BATCH: Final = 256

Network = Callable[[NDArray[np.uint8]], NDArray[Any]]
"""Images (B, C, R, R) in 0..255 to logits (B, classes)."""


def classify(run: Network, images_NCRR: NDArray[np.uint8], batch: int = BATCH) -> NDArray[np.uint16]:
    """Return for each image the class of the highest logit, (N,).

    Args:
        run: Any network: a session of a runtime, a static module, a subnet.
        images_NCRR: At the network's resolution.
        batch: Images a call.
    """
    found = [
        np.argmax(run(images_NCRR[start : start + batch]), axis=1).astype(np.uint16)
        for start in range(0, len(images_NCRR), batch)
    ]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.uint16)


def score_network(
    run: Network, images_NCRR: NDArray[np.uint8], labels_N: NDArray[np.int64], batch: int = BATCH
) -> NDArray[np.bool_]:
    """Return for each image whether the highest logit is that of its label, (N,).

    Args:
        run: As `classify` takes it.
        images_NCRR: Likewise.
        labels_N: Their classes.
        batch: Images a call.
    """
    return np.equal(classify(run, images_NCRR, batch), labels_N)


@final
class SubnetEvaluator:
    """Scores subnets of one trained supernet on one data set.

    Args:
        supernet: The weights, which are not changed.
        dataset: Images for recalibration (part `train`) and scoring.
        seed: Of the choice of calibration images and of their augmentation.
        augmentation: That of training.
        num_calibration_images: For the batch-norm statistics of each subnet.
    """

    def __init__(
        self,
        supernet: Supernet,
        dataset: Dataset,
        seed: int,
        augmentation: Augmentation,
        num_calibration_images: int = NUM_CALIBRATION_IMAGES,
    ) -> None:
        self.supernet = supernet
        self._dataset = dataset
        self._seed = seed
        self._augmentation = augmentation
        self._num_calibration_images = num_calibration_images
        self._calibration: dict[int, NDArray[np.uint8]] = {}

    def statistics(self, architecture: Architecture) -> Statistics:
        """Return the batch-norm statistics of a subnet."""
        side = resolution(self.supernet.space, architecture)
        if side not in self._calibration:
            self._calibration[side] = calibration_images(
                self._dataset, side, self._num_calibration_images, self._seed
            )
        return recalibrate(
            self.supernet, architecture, self._calibration[side], self._augmentation, self._seed
        )

    def correct(
        self, architecture: Architecture, part: Part, statistics: Statistics | None = None
    ) -> NDArray[np.bool_]:
        """Return for each image of a part whether the subnet gets it right, (n,).

        Args:
            architecture: Which subnet.
            part: Which images.
            statistics: Of the subnet, if they are at hand.
        """
        settled = self.statistics(architecture) if statistics is None else statistics
        images = self._dataset.images(part, resolution(self.supernet.space, architecture))
        return score_network(self.network(architecture, settled), images, self._dataset.labels(part))

    def extract(self, architecture: Architecture) -> StaticNetwork:
        """Return a subnet as a static network with statistics of its own."""
        return self.supernet.extract(architecture, self.statistics(architecture))

    def network(self, architecture: Architecture, statistics: Statistics) -> Network:
        """Return a subnet as `score_network` takes it."""

        def run(images_BCRR: NDArray[np.uint8]) -> NDArray[Any]:
            with torch.inference_mode():
                images = as_floats(channels_last(images_BCRR))
                return self.supernet(images, architecture, statistics).numpy()  # type: ignore[no-any-return]

        return run
