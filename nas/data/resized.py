"""Resized images, made once: in memory or in memory-mapped files, for this process or for all of a home.

Pixels that take long to make (`ImageSource.costly`) are kept in files however few they are, piece by piece
while they are made; others where they are many.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Part
from nas.data.pieces import Pieces
from nas.data.pixel_file import PixelFile, Shape, is_there, read_pixels
from nas.data.source import ImageSource
from search_spaces.errors import UsageError

IN_MEMORY_BYTES: Final = 256 * 2**20
"""A part at one resolution that is larger than this goes to a file."""


class ResizedImages:
    """Arrays of shape (n, channels, resolution, resolution) of each part, made on first use."""

    def __init__(
        self,
        source: ImageSource,
        counts: Mapping[Part, int],
        num_channels: int,
        digest: str,
        cache_dir: Path | None,
    ) -> None:
        self._source = source
        self._counts = dict(counts)
        self._num_channels = num_channels
        self._name = digest[:32]
        self._cache_dir = cache_dir
        self._made: dict[tuple[Part, int], NDArray[np.uint8]] = {}

    def get(self, part: Part, resolution: int) -> NDArray[np.uint8]:
        """Return one array, read-only."""
        for _ in self.making(part, (resolution,)):
            continue
        return self._made[part, resolution]

    def left(self, part: Part, resolutions: Collection[int]) -> tuple[int, ...]:
        """Return the resolutions that take long to make and are not made yet, ascending."""
        if not self._source.costly:
            return ()
        return tuple(side for side in sorted(set(resolutions)) if not self._is_made(part, side))

    def kept_bytes(self, part: Part, resolutions: Collection[int]) -> int:
        """Return the bytes of the files in which a part is kept because making it takes long."""
        if not self._source.costly or self._cache_dir is None:
            return 0
        return sum(math.prod(self._shape(part, side)) for side in set(resolutions))

    def making(self, part: Part, resolutions: Collection[int]) -> Iterator[int]:
        """Make what is missing of several resolutions in one pass over the originals.

        Args:
            part: Which images.
            resolutions: Sides in pixels.

        Yields:
            How many images are done, where that takes long.
        """
        sides = sorted(set(resolutions))
        for side in sides:
            if side < 1:
                raise UsageError("invalid_resolution", f"resolution {side}: must be at least 1 pixel")
        missing = [side for side in sides if not self._take(part, side)]
        if not missing:
            return
        if self._source.costly and self._cache_dir is not None:
            pieces = Pieces(self._cache_dir, self._name, part, self._counts[part], self._num_channels)
            yield from pieces.make(self._source, sides)
            for side in missing:
                taken = self._take(part, side)
                assert taken, "what was made just now is there"
        else:
            self._make(part, tuple(missing))

    def sample(self, part: Part, resolutions: Collection[int], count: int) -> dict[int, NDArray[np.uint8]]:
        """Return some images at several resolutions, without making the others.

        Args:
            part: Which images.
            resolutions: Sides in pixels.
            count: Of images that are made where there are none, at most.

        Returns:
            For each resolution `count` images from all over the part, or the whole part where it is there.
        """
        sides = tuple(sorted(set(resolutions)))
        missing = tuple(side for side in sides if not self._is_made(part, side))
        found = {side: self.get(part, side) for side in sides if side not in missing}
        step = max(self._counts[part] // count, 1)
        some = list(self._source.resized(part, missing, slice(0, step * count, step))) if missing else []
        for number, side in enumerate(missing):
            found[side] = np.stack([image[number].transpose(2, 0, 1) for image in some])
        return found

    def _make(self, part: Part, resolutions: tuple[int, ...]) -> None:
        with ExitStack() as stack:
            sinks: dict[int, _Memory | PixelFile] = {}
            for resolution in resolutions:
                shape = self._shape(part, resolution)
                if math.prod(shape) <= IN_MEMORY_BYTES:
                    sinks[resolution] = _Memory(shape)
                else:
                    sinks[resolution] = stack.enter_context(PixelFile(shape, self._path(part, resolution)))
            for images in self._source.resized(part, resolutions):
                for image, sink in zip(images, sinks.values(), strict=True):
                    sink.append(image.transpose(2, 0, 1))
            for resolution, sink in sinks.items():
                self._made[part, resolution] = sink.finish()

    def _shape(self, part: Part, resolution: int) -> Shape:
        return self._counts[part], self._num_channels, resolution, resolution

    def _path(self, part: Part, resolution: int) -> Path | None:
        return None if self._cache_dir is None else self._cache_dir / f"{self._name}-{part}-{resolution}.u8"

    def _is_made(self, part: Part, resolution: int) -> bool:
        path = self._path(part, resolution)
        kept = path is not None and is_there(path, self._shape(part, resolution))
        return kept or (part, resolution) in self._made

    def _take(self, part: Part, resolution: int) -> bool:
        """Take an array that is there; return whether it is."""
        if (part, resolution) not in self._made:
            path = self._path(part, resolution)
            stored = None if path is None else read_pixels(path, self._shape(part, resolution))
            if stored is None:
                return False
            self._made[part, resolution] = stored
        return True


class _Memory:
    def __init__(self, shape: Shape) -> None:
        self._array = np.empty(shape, dtype=np.uint8)
        self._next = 0

    def append(self, image: NDArray[np.uint8]) -> None:
        self._array[self._next] = image
        self._next += 1

    def finish(self) -> NDArray[np.uint8]:
        assert self._next == len(self._array), "the source yielded fewer images than there are labels"
        self._array.setflags(write=False)
        return self._array
