"""Image files: read, decoded in order by a few threads, and checked to be what they were when first seen."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final, Protocol, TypeVar, final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import PARTS, Part
from nas.data.decode import ImageError, decode, resize
from nas.data.near_duplicates import thumbnail
from nas.data.source import EVERY, Resized
from search_spaces.errors import DataError
from search_spaces.readable import readable

MAX_FILE_BYTES: Final = 512 * 2**20
MAX_THREADS: Final = 4
"""Pillow decodes and resizes outside the interpreter's lock; each thread holds one decoded photograph."""
ITEMS_AT_ONCE: Final = 64
"""For each thread: results are small, and threads wait for the slowest item of such a batch."""

Item = TypeVar("Item")
Result = TypeVar("Result")

Stamp = tuple[int, ...]
"""What tells that a file is the one that was looked at before: its size in bytes, and numbers beside it."""


class UnreadableError(ImageError):
    """The file could not be read just now: that says nothing of what it holds."""


@dataclass(frozen=True, eq=False)
class Scan:
    """What one look at a file told.

    Attributes:
        digest: SHA-256 of the file.
        num_channels: 1 where it is stored in grey, else 3.
        thumbnail: For `near_duplicates`; shape (72,).
        brightest: The largest value of any pixel.
    """

    digest: bytes
    num_channels: int
    thumbnail: NDArray[np.uint8]
    brightest: int


class Files(Protocol):
    """Where image files are; threads read at a time."""

    @property
    def identity(self) -> str:
        """What these files go by on this machine: equal for the same place, whoever opens it."""

    def stamp(self, path: PurePosixPath) -> Stamp:
        """Return what changes when a file does, without reading it.

        Raises:
            OSError: Where it cannot be asked for.
        """

    def read(self, path: PurePosixPath, limit: int) -> bytes:
        """Return a file; more than `limit` + 1 bytes of it are not read.

        Raises:
            OSError: Where it cannot be read.
        """


@final
@dataclass(frozen=True)
class Folder:
    """Files in a folder."""

    root: Path

    @property
    def identity(self) -> str:
        """The folder, links resolved."""
        return str(self.root.resolve())

    def stamp(self, path: PurePosixPath) -> Stamp:
        """Return size, and the times of the last change in nanoseconds: the file's own and the system's.

        A program may set the first back, and a file that is renamed keeps it. The second only the system
        sets, at either.
        """
        found = (self.root / path).stat()
        return found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def read(self, path: PurePosixPath, limit: int) -> bytes:
        """Return a file."""
        with (self.root / path).open("rb") as file:
            return file.read(limit + 1)


def scan(files: Files, paths: Sequence[PurePosixPath]) -> Iterator[Scan | ImageError]:
    """Decode every file once, in order; an unreadable one gives its error instead."""

    def look(path: PurePosixPath) -> Scan | ImageError:
        try:
            content = _read(files, path)
            image = decode(content)
        except ImageError as error:
            return error
        digest = hashlib.sha256(content).digest()
        return Scan(digest, image.shape[2], thumbnail(image), int(image.max(initial=0)))

    return _in_order(look, paths)


@final
class FileSource:
    """Original pixels from image files; reads them anew on every pass."""

    costly: Final = True

    def __init__(
        self, files: Files, parts: Mapping[Part, Sequence[tuple[PurePosixPath, bytes]]], num_channels: int
    ) -> None:
        """Keep the files of each part with the digests they had when they were scanned."""
        self._files = files
        self._parts = parts
        self._num_channels = num_channels

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        """Yield images of a part in order, at each resolution."""

        def work(file: tuple[PurePosixPath, bytes]) -> Resized:
            image = self._decode(*file)
            # Cut out once for all: of a photograph that is a copy of tens of megabytes.
            square = np.ascontiguousarray(resize(image, min(image.shape[:2])))
            return tuple(resize(square, resolution) for resolution in resolutions)

        return _in_order(work, self._parts[part][rows])

    def fingerprint(self) -> str:
        """Return the SHA-256 of the digests of all files: with the decode rule they decide every pixel."""
        digest = hashlib.sha256(str(self._num_channels).encode())
        for part in PARTS:
            for _, file_digest in self._parts[part]:
                digest.update(file_digest)
        return digest.hexdigest()

    def _decode(self, path: PurePosixPath, digest: bytes) -> NDArray[np.uint8]:
        try:
            content = _read(self._files, path)
        except ImageError as error:
            raise DataError("data_changed", f"'{path}' was readable before: {error}") from error
        if hashlib.sha256(content).digest() != digest:
            raise DataError(
                "data_changed",
                f"'{path}' changed since the data set was opened: start again with the new data",
            )
        return decode(content, self._num_channels)


def _read(files: Files, path: PurePosixPath) -> bytes:
    try:
        with readable(Path(path)):
            content = files.read(path, MAX_FILE_BYTES)
    except OSError as error:
        raise UnreadableError(error.strerror or str(error) or type(error).__name__) from error
    if len(content) > MAX_FILE_BYTES:
        raise ImageError(f"larger than {MAX_FILE_BYTES >> 20} MiB")
    return content


def _in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Work on some items at once and yield the results in the order of the items."""
    num_threads = min(MAX_THREADS, os.cpu_count() or 1)
    waiting = iter(items)
    with ThreadPoolExecutor(num_threads) as pool:
        while batch := list(islice(waiting, ITEMS_AT_ONCE * num_threads)):
            # Pillow warns of damaged metadata, which the decode rule passes over. The filters are shared by
            # all threads, so they are set here, where no thread is at work before or after.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                results = list(pool.map(work, batch))
            yield from results
