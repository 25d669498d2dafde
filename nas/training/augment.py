"""Random variation of training images: each image gets a draw of its own.

B images, C channels, R pixels a side.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.training.images import as_floats, channels_last


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far images are varied.

    Attributes:
        shift_share: Largest shift in each direction as a share of the side; edge pixels are repeated.
        flip: Whether half of the images are mirrored; off by default: mirrored digits mean something else.
        brightness: Largest amount added to values in 0..1.
        contrast: Largest relative change of the distance from mid-grey.
    """

    shift_share: float = 0.1
    flip: bool = False
    brightness: float = 0.1
    contrast: float = 0.2


NO_AUGMENTATION = Augmentation(shift_share=0.0, flip=False, brightness=0.0, contrast=0.0)


def augment(images_BCRR: NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Return varied images in 0..1, (B, C, R, R), laid out channels last.

    How many numbers are drawn depends on the number of images alone, so that what follows in the same
    generator does not depend on the augmentation.
    """
    count, _, side, _ = images_BCRR.shape
    reach = round(augmentation.shift_share * side)
    shift = np.floor(rng.random((2, count, 1)) * (2 * reach + 1)).astype(np.int64) - reach
    rows, columns = np.clip(np.arange(side) + shift, 0, side - 1)
    mirrored = rng.random(count) < 0.5
    if augmentation.flip:
        columns[mirrored] = columns[mirrored, ::-1]
    moved = channels_last(images_BCRR)[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    tone = torch.from_numpy(rng.uniform(-1.0, 1.0, (2, count, 1, 1, 1)).astype(np.float32))
    images = as_floats(moved)
    if augmentation.brightness or augmentation.contrast:
        gain_B111, offset_B111 = 1 + augmentation.contrast * tone[0], augmentation.brightness * tone[1]
        images.sub_(0.5).mul_(gain_B111).add_(offset_B111 + 0.5).clamp_(0.0, 1.0)
    return images
