"""Images that are in memory already: digits, CIFAR and numpy files."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import PART_CODE, PARTS, Contents, Part
from nas.data.dataset import Dataset
from nas.data.decode import resize
from nas.data.report import Findings, Notice
from nas.data.source import EVERY, Resized
from nas.data.splits import Shares, assign_parts, make_folds
from search_spaces.base import IntArray


@final
class ArraySource:
    """Pixels from one array, with the indices of each part."""

    costly: Final = False

    def __init__(self, images: NDArray[np.uint8], indices: dict[Part, IntArray]) -> None:
        """Keep both; images of shape (n, height, width, channels)."""
        self._images = images
        self._indices = indices

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        """Yield images of a part in order, at each resolution."""
        for index in self._indices[part][rows]:
            yield tuple(resize(self._images[index], resolution) for resolution in resolutions)

    def fingerprint(self) -> str:
        """Return the SHA-256 of shape and pixels of every part."""
        digest = hashlib.sha256(str(self._images.shape[1:]).encode())
        for part in PARTS:
            for index in self._indices[part]:
                digest.update(np.ascontiguousarray(self._images[index]).data)
        return digest.hexdigest()


def dataset_from_arrays(
    name: str,
    class_names: tuple[str, ...],
    images: NDArray[np.uint8],
    labels: IntArray,
    given: IntArray,
    shares: Shares,
    seed: int,
    notices: tuple[Notice, ...] = (),
    cache_dir: Path | None = None,
) -> Dataset:
    """Make a data set of arrays; parts that are missing are made from training.

    Args:
        name: As in the specification.
        class_names: The name of label 0, 1, ...
        images: Shape (n, height, width, channels).
        labels: Shape (n,).
        given: Part code of every image, or `UNASSIGNED`; shape (n,).
        shares: Of the parts that have to be made.
        seed: Of the splits.
        notices: What the loader wants said.
        cache_dir: See `Dataset`.

    Raises:
        DataError: Where a class or part would be empty.
    """
    parts = assign_parts(labels, given, shares, seed)
    indices = {part: np.flatnonzero(parts == PART_CODE[part]).astype(np.int64) for part in PARTS}
    contents = Contents(
        name=name,
        class_names=class_names,
        num_channels=images.shape[3],
        labels={part: labels[indices[part]] for part in PARTS},
        folds=make_folds(labels[indices["validation"]], seed),
    )
    return Dataset(contents, ArraySource(images, indices), Findings(notices=notices), cache_dir)
