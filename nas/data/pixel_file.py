"""Files of pixels: written from front to back, sealed with their SHA-256, and there whole or not at all."""

import hashlib
import math
import os
import tempfile
from pathlib import Path
from typing import IO, Final, final

import numpy as np
from numpy.typing import NDArray

from search_spaces.atomic import FULL
from search_spaces.errors import ResourceError

SEAL_BYTES: Final = hashlib.sha256().digest_size

READ_BYTES: Final = 256 * 2**20
"""A file up to this size is held against its seal where it is opened. A larger one is trusted by its name,
which it gets when it is on the disk, and by its size: reading all of it would take every process seconds."""

Shape = tuple[int, int, int, int]
"""Images, channels, height and width."""


@final
class PixelFile:
    """A file that is being written; unnamed where there is no path. Use it in a `with` statement."""

    def __init__(self, shape: Shape, path: Path | None) -> None:
        """Begin a file.

        Args:
            shape: Of all images together.
            path: Where it appears when it is complete.

        Raises:
            ResourceError: `disk_full`.
        """
        self._shape = shape
        self._path = path
        self._written = 0
        self._seal = hashlib.sha256()
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

    def __enter__(self) -> "PixelFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._partial is not None:
            self._partial.unlink(missing_ok=True)

    def append(self, images: NDArray[np.uint8]) -> None:
        """Add one image or several.

        Raises:
            ResourceError: `disk_full`.
        """
        content = np.ascontiguousarray(images).data
        try:
            self._file.write(content)
        except OSError as error:
            raise _disk_error(error, self._shape) from error
        self._seal.update(content)
        self._written += images.size

    def finish(self) -> NDArray[np.uint8]:
        """Have the file appear; return its images, a read-only map.

        Raises:
            ResourceError: `disk_full`.
        """
        assert self._written == math.prod(self._shape), "fewer images were written than there are labels"
        try:
            self._file.write(self._seal.digest())
            self._file.flush()
            if self._partial is not None and self._path is not None:
                os.fsync(self._file.fileno())
                os.replace(self._partial, self._path)
                self._partial = None
        except OSError as error:
            raise _disk_error(error, self._shape) from error
        return np.memmap(self._file, dtype=np.uint8, mode="r", shape=self._shape)


def is_there(path: Path, shape: Shape) -> bool:
    """Whether a file has its name and its size: what it holds is told by `read_pixels`."""
    return path.is_file() and path.stat().st_size == math.prod(shape) + SEAL_BYTES


def read_pixels(path: Path, shape: Shape) -> NDArray[np.uint8] | None:
    """Return the images of a file, a read-only map; None where they are not there, or are damaged."""
    if not is_there(path, shape):
        return None
    content = np.memmap(path, dtype=np.uint8, mode="r")
    pixels, seal = content[:-SEAL_BYTES], content[-SEAL_BYTES:]
    if pixels.size <= READ_BYTES and hashlib.sha256(pixels.data).digest() != seal.tobytes():
        return None
    return pixels.reshape(shape)


def _disk_error(error: OSError, shape: Shape) -> Exception:
    if error.errno not in FULL:
        return error
    need = math.prod(shape) / 2**20
    return ResourceError(
        "disk_full", f"resized images need {need:.0f} MiB on disk: free some or set another cache folder"
    )
