"""What another precision costs in accuracy: predictions for fp32 become predictions for int8.

Accuracy is predicted for fp32 alone. Some networks are exported in both precisions and scored on the same
images: the difference of a network's two accuracies is its shift. Another network is predicted to shift by
their mean; how far it may be off is what they were off themselves, each predicted from the others (leave one
out, conformal: Lei et al. 2018).

Pure numpy.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.accuracy_predictor import (
    LEVEL,
    NORMAL_QUANTILE,
    AccuracyPredictor,
    Prediction,
    conformal_quantile,
)
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

MIN_NETWORKS: Final = 20
"""Fewer networks in both precisions say too little of the rare one that shifts far."""

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class PrecisionShift:
    """By how much accuracy changes with the precision, as a share of images.

    Attributes:
        mean: Over the networks; negative where accuracy is lost.
        half_width: Of the interval around it that a new network's shift lies in with probability `LEVEL`, on
            the same images.
        counting: Variance of one network's shift that comes from counting on so few images.
        num_networks: In both precisions.
        num_images: On which each was scored.
    """

    mean: float
    half_width: float
    counting: float
    num_networks: int
    num_images: int

    def half_width_elsewhere(self, num_images: int, num_shared: int) -> float:
        """Return the half width for shifts on other images.

        Which answers quantisation flips depends on the images, for all networks alike: their mean shifts too.
        The variance of a difference of two means is that of `CalibratedModel.predict_elsewhere`.

        Args:
            num_images: Of the other sample.
            num_shared: Those of them that the shift was fitted on too.
        """
        between = self.counting * (1.0 + (self.num_images - 2.0 * num_shared) / num_images)
        return float(np.sqrt(self.half_width**2 + NORMAL_QUANTILE**2 * max(between, 0.0)))


def fit_shift(before: BoolArray, after: BoolArray) -> PrecisionShift:
    """Fit the shift of networks that were scored in both precisions.

    Args:
        before: Whether each image was got right in fp32, (networks, images).
        after: The same in the other precision, of the same networks on the same images.

    Raises:
        UsageError: `too_few_networks`.
    """
    num_networks, num_images = before.shape
    if num_networks < MIN_NETWORKS:
        raise UsageError(
            "too_few_networks",
            f"{num_networks} networks were scored in both precisions; the shift of accuracy needs "
            f"{MIN_NETWORKS} or more",
        )
    changes = after.astype(np.float64) - before
    shifts = changes.mean(axis=1)
    # Each against the mean of the others.
    left_out = (shifts - shifts.mean()) * num_networks / (num_networks - 1)
    return PrecisionShift(
        mean=float(shifts.mean()),
        half_width=conformal_quantile(np.abs(left_out), LEVEL),
        counting=float(changes.var(axis=1).mean() / num_images),
        num_networks=num_networks,
        num_images=num_images,
    )


@dataclass(frozen=True)
class ShiftedPredictor:
    """Predicts accuracy in another precision: the fp32 prediction plus the shift, their intervals combined.

    The two errors come from different things, weights that are shared and numbers that are rounded: their
    squares add.

    Attributes:
        fp32: What was fitted to subnets scored in fp32.
        shift: What the precision costs.
    """

    fp32: AccuracyPredictor
    shift: PrecisionShift

    def predict(self, archs: IntArray) -> Prediction:
        """Return accuracies on the images that both were fitted on; see `AccuracyPredictor.predict`."""
        return self._moved(self.fp32.predict(archs), self.shift.half_width)

    def predict_elsewhere(self, archs: IntArray, num_images: int, num_shared: int = 0) -> Prediction:
        """Return accuracies on other images; see `AccuracyPredictor.predict_elsewhere`."""
        half_width = self.shift.half_width_elsewhere(num_images, num_shared)
        return self._moved(self.fp32.predict_elsewhere(archs, num_images, num_shared), half_width)

    def _moved(self, fp32: Prediction, half_width: float) -> Prediction:
        point = fp32.point + self.shift.mean
        ends = (
            point,
            point - np.hypot(fp32.point - fp32.lower, half_width),
            point + np.hypot(fp32.upper - fp32.point, half_width),
        )
        return Prediction(*(_share(end) for end in ends))


def _share(values: FloatArray) -> FloatArray:
    inside: FloatArray = np.clip(values, 0.0, 1.0)
    return inside


@dataclass(frozen=True, eq=False)
class PairedAnswers:
    """Answers of networks in both precisions, image by image.

    Attributes:
        before: In fp32, (networks, images).
        after: In the other precision, (networks, images).
    """

    before: BoolArray
    after: BoolArray

    def fit(self, images: IntArray) -> PrecisionShift:
        """Return the shift on some of the images, by their positions."""
        return fit_shift(self.before[:, images], self.after[:, images])

    def with_network(self, before: BoolArray, after: BoolArray) -> "PairedAnswers":
        """Return the answers with those of one more network, each (images,)."""
        return replace(self, before=np.vstack([self.before, before]), after=np.vstack([self.after, after]))
