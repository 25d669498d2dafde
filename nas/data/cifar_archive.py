"""The files of a CIFAR archive, read member by member from the published `.tar.gz` or its extracted folder.

Nothing is extracted: no name of a member becomes a path. Sizes are bounded before anything is read.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from search_spaces.errors import DataError, UsageError
from search_spaces.readable import readable

MAX_BYTES: Final = 400 * 2**20
"""Of the unpacked archive; the published ones have 178 MiB."""
MAX_MEMBERS: Final = 64


class _TooLargeError(Exception):
    pass


class _Bounded(io.RawIOBase):
    """A stream that stops a decompression bomb."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self._stream.read(len(view))
        self._left -= len(content)
        if self._left < 0:
            raise _TooLargeError
        view[: len(content)] = content
        return len(content)


def read_members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the named files from an archive or a folder.

    Args:
        path: The `.tar.gz`, the folder it extracts to, or the folder that one is in.
        names: Of the files, without folders.

    Returns:
        The content of every one of them.

    Raises:
        UsageError: `dataset_not_found`, `not_readable`.
        DataError: `truncated_archive`, `not_an_archive`, `oversized_archive`, `missing_file`.
    """
    with readable(path):
        return _from_folder(path, names) if path.is_dir() else _from_archive(path, names)


def _from_archive(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    if not path.is_file():
        raise UsageError(
            "dataset_not_found", f"no file '{path}': give the path of the downloaded archive or its folder"
        )
    try:
        with path.open("rb") as raw:
            if raw.read(2) != b"\x1f\x8b":
                raise DataError("not_an_archive", f"'{path}' is no .tar.gz archive: download it again")
        with gzip.open(path, "rb") as stream:
            found = _from_stream(_Bounded(stream), names)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            "truncated_archive", f"'{path}' is cut off or damaged ({error}): download it again"
        ) from error
    except tarfile.TarError as error:
        raise DataError(
            "truncated_archive", f"'{path}' is no complete archive ({error}): download it again"
        ) from error
    except _TooLargeError as error:
        raise DataError(
            "oversized_archive",
            f"'{path}' unpacks to more than {MAX_BYTES >> 20} MiB: this is not the published archive",
        ) from error
    for name in names:
        if name not in found:
            raise DataError("truncated_archive", f"'{path}' has no '{name}': download it again")
    return found


def _from_stream(stream: _Bounded, names: Sequence[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    # Stream mode reads from front to back and never seeks, so a member is read when its header is.
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise _TooLargeError
            name = PurePosixPath(member.name).name
            if not member.isreg() or name not in names or name in found:
                continue
            content = archive.extractfile(member)
            assert content is not None, "regular members have content"
            found[name] = content.read()
    # The checksum stands at the very end: only who reads that far knows that the pixels are as published.
    while stream.read(2**20):
        pass
    return found


def _from_folder(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    folders = [path, *sorted(folder for folder in path.iterdir() if folder.is_dir())]
    folder = next((folder for folder in folders if (folder / names[0]).is_file()), None)
    if folder is None:
        raise DataError(
            "missing_file", f"'{path}' has no '{names[0]}': give the folder that the archive extracts to"
        )
    found: dict[str, bytes] = {}
    for name in names:
        file = folder / name
        if not file.is_file():
            raise DataError("missing_file", f"'{folder}' has no '{name}': extract the archive again")
        if file.stat().st_size > MAX_BYTES:
            raise DataError(
                "oversized_archive",
                f"'{file}' has more than {MAX_BYTES >> 20} MiB: extract the archive again",
            )
        found[name] = file.read_bytes()
    return found
