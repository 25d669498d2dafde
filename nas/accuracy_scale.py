"""The scales on which accuracy is predicted, and how uncertain a counted accuracy is on each."""

from dataclasses import dataclass

import numpy as np

from search_spaces.base import FloatArray


@dataclass(frozen=True)
class Scale:
    """Accuracies as counted on a number of images, on a plain or a logistic scale.

    On the logistic scale effects that add up stay inside 0 to 1, and half a success and half a failure are
    added so that 0 and 1 are finite (the empirical logit, Cox and Snell 1989).

    Attributes:
        logistic: Which of the two.
        num_images: On which accuracies were counted.
    """

    logistic: bool
    num_images: int

    def forward(self, accuracy: FloatArray) -> FloatArray:
        """Return accuracies on the scale."""
        if not self.logistic:
            return accuracy
        hits = accuracy * self.num_images
        value: FloatArray = np.log((hits + 0.5) / (self.num_images - hits + 0.5))
        return value

    def backward(self, value: FloatArray) -> FloatArray:
        """Return accuracies, 0 to 1, from values on the scale."""
        if not self.logistic:
            return np.clip(value, 0.0, 1.0)
        share = 1.0 / (1.0 + np.exp(-value))
        return np.clip((share * (self.num_images + 1) - 0.5) / self.num_images, 0.0, 1.0)

    def variance(self, value: FloatArray) -> FloatArray:
        """Return the binomial variance, on the scale, of an accuracy that is expected to be `value`."""
        share = self.backward(value)
        smoothed = (share * self.num_images + 0.5) / (self.num_images + 1)
        spread = smoothed * (1.0 - smoothed)
        variance: FloatArray = 1.0 / (spread * self.num_images) if self.logistic else spread / self.num_images
        return variance
