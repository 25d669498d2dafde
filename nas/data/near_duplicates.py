"""Images that look alike across splits: copies, recompressions, neighbouring frames.

A difference hash (dHash: N. Krawetz, "Kind of like that", 2013): the image as 9 x 8 grey pixels, one bit for
each pair of horizontal neighbours. Two images look alike when at most `MAX_BITS` of 64 bits differ and their
thumbnails agree. Hashes that differ in at most 5 bits agree in at least one of 6 bands, so only images that
share a band are compared. Where most images look alike, as those of a fixed camera do, the number of pairs
grows with the square of theirs: then some are found, and the report says that there are more.
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
"""Of hashes, a few seconds; beyond that (many images without structure) the report is not complete."""

MAX_LIKELY: Final = 100_000
"""Pairs with hashes alike whose thumbnails are compared, about a tenth of a second and 200 MB."""

MAX_NAMED: Final = 100
"""Pairs that are kept by name."""

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
        pairs: The first `MAX_NAMED` of them, in the order of the images.
        complete: False where so many images are alike, or share a band, that not all were compared.
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
        What was found; about n log n work, more where many images share a band, up to the limits above.
    """
    likely, complete = _likely(difference_hashes(thumbnails), splits)
    pairs = np.sort(likely[:, _alike(thumbnails, likely)], axis=0)
    pairs = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    named = tuple(
        Pair(names[i], split_names[splits[i]], names[j], split_names[splits[j]])
        for i, j in pairs[:, :MAX_NAMED].T.tolist()
    )
    return NearDuplicates(pairs.shape[1], len(np.unique(pairs)), named, complete)


def _likely(hashes: NDArray[np.uint64], splits: IntArray) -> tuple[IntArray, bool]:
    """Return pairs across splits whose hashes are alike, shape (2, pairs), and whether those are all."""
    found = [np.empty((2, 0), dtype=np.int64)]
    left, complete = MAX_LIKELY, True
    for number in range(len(_BANDS)):
        budget = MAX_COMPARISONS_PER_BAND
        for pairs in _across_splits(_band(hashes, number), splits):
            budget -= pairs.shape[1]
            if budget < 0:
                complete = False
                break
            close = _close(pairs, hashes, number)
            found.append(close[:, :left])
            left -= close.shape[1]
            if left < 0:
                return np.concatenate(found, axis=1), False
    return np.concatenate(found, axis=1), complete


def _band(hashes: NDArray[np.uint64], number: int) -> IntArray:
    shift, width = _BANDS[number]
    return ((hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)


def _across_splits(band: IntArray, splits: IntArray) -> Iterator[IntArray]:
    """Yield all pairs of images in one band and different splits, in arrays of shape (2, pairs)."""
    place = band * (int(splits.max()) + 1) + splits
    order = np.argsort(place, kind="stable")
    band, place = band[order], place[order]
    # In this order the partners of an image stand behind those of its own split, up to the end of its band.
    partner, end = np.searchsorted(place, place, side="right"), np.searchsorted(band, band, side="right")
    first = np.arange(len(order))
    while len(first):
        more = partner < end
        first, partner, end = first[more], partner[more], end[more]
        yield np.stack((order[first], order[partner]))
        partner = partner + 1


def _close(pairs: IntArray, hashes: NDArray[np.uint64], number: int) -> IntArray:
    """Keep pairs whose hashes are alike and that no earlier band has given."""
    differing = hashes[pairs[0]] ^ hashes[pairs[1]]
    keep = np.bitwise_count(differing) <= MAX_BITS
    pairs, differing = pairs[:, keep], differing[keep]
    new = np.full(len(differing), fill_value=True)
    for earlier in range(number):
        new &= _band(differing, earlier) != 0
    return pairs[:, new]


def _alike(thumbnails: NDArray[np.uint8], pairs: IntArray) -> NDArray[np.bool_]:
    """Whether the thumbnails of each pair agree; shape (pairs,).

    Images with little structure share hashes by chance; their grey values have to agree, the flatter the
    closer.
    """
    a, b = thumbnails[pairs].astype(np.int16)
    spread = np.minimum(a.std(axis=1), b.std(axis=1))
    agree: NDArray[np.bool_] = np.abs(a - b).mean(axis=1) <= 2.0 + 0.05 * spread
    return agree
