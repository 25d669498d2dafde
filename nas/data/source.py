"""Where the pixels of a data set come from."""

from collections.abc import Iterator
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Part

Resized = tuple[NDArray[np.uint8], ...]
"""One image at each of several resolutions, each of shape (resolution, resolution, channels)."""

EVERY: Final = slice(None)
"""All images of a part."""


class ImageSource(Protocol):
    """Where pixels come from."""

    @property
    def costly(self) -> bool:
        """Whether making them takes so long that they are worth keeping, however few they are."""

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        """Yield images of a part in order, under the resize rule at each resolution.

        Called when images are asked for; several resolutions at once, so that a file is decoded once for all.

        Args:
            part: Which.
            resolutions: Sides in pixels.
            rows: Which images of it, by their places in the part.
        """

    def fingerprint(self) -> str:
        """Return a digest of all original pixels. Called once, when the data set is opened."""
