"""Resized images, made once: in memory where they are few, in memory-mapped files where they are many."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Part
from search_spaces.atomic import FULL
from search_spaces.errors import ResourceError, UsageError

Resized = tuple[NDArray[np.uint8], ...]
"""One image at each of several resolutions, each of shape (resolution, resolution, channels)."""

IN_MEMORY_BYTES: Final = 256 * 2**20
"""A part at one resolution that is larger than this goes to a file."""


class ImageSource(Protocol):
    """Where pixels come from."""

    def resized(self, part: Part, resolutions: tuple[int, ...]) -> Iterator[Resized]:
        """Yield every image of a part in order, under the resize rule at each resolution.

        Called when images are asked for; several resolutions at once, so that a file is decoded once for all.
        """

    def fingerprint(self) -> str:
        """Return a digest of all original pixels. Called once, when the data set is opened."""


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
        self._digest = digest
        self._cache_dir = cache_dir
        self._made: dict[tuple[Part, int], NDArray[np.uint8]] = {}

    def get(self, part: Part, resolution: int) -> NDArray[np.uint8]:
        """Return one array, read-only."""
        self.prepare(part, (resolution,))
        return self._made[part, resolution]

    def prepare(self, part: Part, resolutions: tuple[int, ...]) -> None:
        """Make what is missing of several resolutions in one pass over the originals."""
        missing = []
        for resolution in sorted(set(resolutions)):
            if resolution < 1:
                raise UsageError("invalid_resolution", f"resolution {resolution}: must be at least 1 pixel")
            if (part, resolution) not in self._made:
                stored = self._stored(part, resolution)
                if stored is None:
                    missing.append(resolution)
                else:
                    self._made[part, resolution] = stored
        if missing:
            self._make(part, tuple(missing))

    def _make(self, part: Part, resolutions: tuple[int, ...]) -> None:
        with ExitStack() as stack:
            sinks: dict[int, _Memory | _File] = {}
            for resolution in resolutions:
                shape = self._shape(part, resolution)
                if int(np.prod(shape)) <= IN_MEMORY_BYTES:
                    sinks[resolution] = _Memory(shape)
                else:
                    sinks[resolution] = stack.enter_context(_File(shape, self._path(part, resolution)))
            for images in self._source.resized(part, resolutions):
                for image, sink in zip(images, sinks.values(), strict=True):
                    sink.append(image.transpose(2, 0, 1))
            for resolution, sink in sinks.items():
                self._made[part, resolution] = sink.finish()

    def _shape(self, part: Part, resolution: int) -> tuple[int, int, int, int]:
        return self._counts[part], self._num_channels, resolution, resolution

    def _path(self, part: Part, resolution: int) -> Path | None:
        if self._cache_dir is None:
            return None
        return self._cache_dir / f"{self._digest[:32]}-{part}-{resolution}.u8"

    def _stored(self, part: Part, resolution: int) -> NDArray[np.uint8] | None:
        path, shape = self._path(part, resolution), self._shape(part, resolution)
        # A file is complete when it has its name (it is renamed last); a wrong size is a damaged disk: made
        # again.
        if path is None or not path.is_file() or path.stat().st_size != int(np.prod(shape)):
            return None
        return np.memmap(path, dtype=np.uint8, mode="r", shape=shape)


class _Memory:
    def __init__(self, shape: tuple[int, int, int, int]) -> None:
        self._array = np.empty(shape, dtype=np.uint8)
        self._next = 0

    def append(self, image: NDArray[np.uint8]) -> None:
        self._array[self._next] = image
        self._next += 1

    def finish(self) -> NDArray[np.uint8]:
        assert self._next == len(self._array), "the source yielded fewer images than there are labels"
        self._array.setflags(write=False)
        return self._array


class _File:
    """Written from front to back and renamed when complete; an unnamed file where there is no path."""

    def __init__(self, shape: tuple[int, int, int, int], path: Path | None) -> None:
        self._shape = shape
        self._path = path
        self._written = 0
        self._partial: Path | None = None
        try:
            self._file = self._open()
        except OSError as error:
            raise _disk_error(error, shape) from error

    def _open(self) -> IO[bytes]:
        if self._path is None:
            return tempfile.TemporaryFile()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=self._path.name, suffix=".partial", dir=self._path.parent)
        self._partial = Path(name)
        return os.fdopen(handle, "w+b")

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def append(self, image: NDArray[np.uint8]) -> None:
        try:
            self._file.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise _disk_error(error, self._shape) from error
        self._written += image.size

    def finish(self) -> NDArray[np.uint8]:
        assert self._written == int(np.prod(self._shape)), (
            "the source yielded fewer images than there are labels"
        )
        try:
            self._file.flush()
            if self._partial is not None and self._path is not None:
                os.fsync(self._file.fileno())
                os.replace(self._partial, self._path)
                self._partial = None
        except OSError as error:
            raise _disk_error(error, self._shape) from error
        return np.memmap(self._file, dtype=np.uint8, mode="r", shape=self._shape)


def _disk_error(error: OSError, shape: tuple[int, int, int, int]) -> Exception:
    if error.errno not in FULL:
        return error
    need = int(np.prod(shape)) / 2**20
    return ResourceError(
        "disk_full", f"resized images need {need:.0f} MiB on disk: free some or set another cache folder"
    )
