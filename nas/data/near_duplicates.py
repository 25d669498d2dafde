"""Images that look alike across splits: copies, recompressions, neighbouring frames.

A difference hash (dHash: N. Krawetz, "Kind of like that", 2013): the image as 9 x 8 grey pixels, one bit for
each pair of horizontal neighbours. Two images look alike when at most `MAX_BITS` of 64 bits differ and their
thumbnails agree. Hashes that differ in at most 5 bits agree in at least one of 6 bands, so only images that
share a band are compared.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search_spaces.base import IntArray

MAX_BITS: Final = 5
MAX_COMPARISONS_PER_BAND: Final = 200_000_000
"""About two seconds; beyond that (many images without structure) the report says that it is not complete."""

_BANDS: Final = ((0, 11), (11, 11), (22, 11), (33, 11), (44, 10), (54, 10))
_THUMB: Final = (9, 8)


@dataclass(frozen=True)
class Pair:
    """Two look-alikes and the splits they are in."""

    first: str
    first_split: str
    second: str
    second_split: str


@dataclass(frozen=True)
class NearDuplicates:
    """Look-alikes across splits.

    Attributes:
        num_pairs: Pairs found.
        num_images: Images that are in at least one pair.
        pairs: All of them, in the order of the images.
        complete: False where so many images share a band that not all were compared.
    """

    num_pairs: int
    num_images: int
    pairs: tuple[Pair, ...]
    complete: bool

    def as_dict(self, max_pairs: int) -> dict[str, Any]:
        """Return the totals and the first pairs as JSON takes them."""
        return {
            "num_pairs": self.num_pairs,
            "num_images": self.num_images,
            "complete": self.complete,
            "pairs": [
                {"first": [pair.first, pair.first_split], "second": [pair.second, pair.second_split]}
                for pair in self.pairs[:max_pairs]
            ],
        }


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Shrink a decoded image of shape (height, width, 1 or 3) to 9 x 8 grey pixels; shape (72,)."""
    plane = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).convert("L")
    return np.asarray(plane.resize(_THUMB, Image.Resampling.BILINEAR), dtype=np.uint8).reshape(-1)


def difference_hashes(thumbnails: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return one 64-bit hash for each thumbnail; (n, 72) to (n,)."""
    grid = thumbnails.reshape(-1, _THUMB[1], _THUMB[0])
    bits = (grid[:, :, 1:] > grid[:, :, :-1]).reshape(len(grid), 64)
    return np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)


def find_near_duplicates(
    thumbnails: NDArray[np.uint8], splits: IntArray, names: Sequence[str], split_names: Sequence[str]
) -> NearDuplicates:
    """Find look-alikes that are in different splits.

    Args:
        thumbnails: From `thumbnail`; shape (n, 72).
        splits: Number of the split of every image; shape (n,).
        names: Of the images.
        split_names: Name of split 0, 1, ...

    Returns:
        The pairs; about n log n work, more where many images share a band.
    """
    hashes = difference_hashes(thumbnails)
    found: list[IntArray] = []
    complete = True
    for shift, width in _BANDS:
        band = (hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)
        budget = MAX_COMPARISONS_PER_BAND
        for first, second in _sharing(band):
            budget -= len(first)
            if budget < 0:
                complete = False
                break
            found.append(_alike(first, second, hashes, thumbnails, splits))
    pairs = np.unique(np.concatenate([np.empty((0, 2), dtype=np.int64), *found]), axis=0)
    listed = tuple(
        Pair(names[i], split_names[splits[i]], names[j], split_names[splits[j]]) for i, j in pairs.tolist()
    )
    return NearDuplicates(len(listed), len(np.unique(pairs)), listed, complete)


def _sharing(band: NDArray[np.uint64]) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield all pairs of images with equal band values, in arrays of pairs."""
    order = np.argsort(band, kind="stable")
    ordered = band[order]
    positions = np.arange(len(band), dtype=np.int64)
    for distance in range(1, len(band)):
        positions = positions[positions + distance < len(band)]
        positions = positions[ordered[positions] == ordered[positions + distance]]
        if len(positions) == 0:
            return
        yield order[positions], order[positions + distance]


def _alike(
    first: IntArray,
    second: IntArray,
    hashes: NDArray[np.uint64],
    thumbnails: NDArray[np.uint8],
    splits: IntArray,
) -> IntArray:
    keep = splits[first] != splits[second]
    first, second = first[keep], second[keep]
    keep = np.bitwise_count(hashes[first] ^ hashes[second]) <= MAX_BITS
    first, second = first[keep], second[keep]
    a, b = thumbnails[first].astype(np.int64), thumbnails[second].astype(np.int64)
    # Images with little structure share hashes by chance; their grey values have to agree, the flatter the
    # closer.
    keep = np.abs(a - b).mean(axis=1) <= 2.0 + 0.05 * a.std(axis=1)
    return np.stack([np.minimum(first, second)[keep], np.maximum(first, second)[keep]], axis=1)
