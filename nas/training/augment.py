"""Random variation of training images: each image gets a draw of its own.

B images, C channels, R pixels a side.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.training.images import as_floats, channels_last
from nas.training.options import Augmentation
from search_spaces.base import FloatArray


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of B images, whatever the augmentation.

    Attributes:
        shift: Of rows and columns, 0 to 1, (2, B).
        mirrored: Whether an image is mirrored where mirroring is on, (B,).
        tone: Of contrast and brightness, -1 to 1, (2, B).
    """

    shift: FloatArray
    mirrored: NDArray[np.bool_]
    tone: FloatArray

    def of(self, images: slice) -> "Draws":
        """Return the numbers of some of the images."""
        return Draws(self.shift[:, images], self.mirrored[images], self.tone[:, images])


def draw(num_images: int, rng: np.random.Generator) -> Draws:
    """Draw for so many images.

    How many numbers are drawn depends on the number of images alone, so that what follows in the same
    generator does not depend on the augmentation.
    """
    return Draws(
        rng.random((2, num_images)), rng.random(num_images) < 0.5, rng.uniform(-1.0, 1.0, (2, num_images))
    )


def augment(images_BCRR: NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Return varied images in 0..1, (B, C, R, R), laid out channels last."""
    return vary(images_BCRR, augmentation, draw(len(images_BCRR), rng))


def vary(images_BCRR: NDArray[np.uint8], augmentation: Augmentation, draws: Draws) -> Tensor:
    """Return images as the draws vary them, in 0..1, (B, C, R, R), laid out channels last."""
    count, _, side, _ = images_BCRR.shape
    reach = round(augmentation.shift_share * side)
    shift = np.floor(draws.shift[:, :, np.newaxis] * (2 * reach + 1)).astype(np.int64) - reach
    rows, columns = np.clip(np.arange(side) + shift, 0, side - 1)
    if augmentation.flip:
        columns[draws.mirrored] = columns[draws.mirrored, ::-1]
    moved = channels_last(images_BCRR)[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    tone = torch.from_numpy(draws.tone[:, :, None, None, None].astype(np.float32))
    images = as_floats(moved)
    if augmentation.brightness or augmentation.contrast:
        gain_B111, offset_B111 = 1 + augmentation.contrast * tone[0], augmentation.brightness * tone[1]
        images.sub_(0.5).mul_(gain_B111).add_(offset_B111 + 0.5).clamp_(0.0, 1.0)
    return images
