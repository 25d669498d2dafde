"""What one look at each file told, kept in a folder: who opens the files again decodes what has changed only.

One document for each place of files: the SHA-256 of what follows, then JSON, replaced as a whole. One that is
damaged, or of another rule, is as good as none. Several processes may keep one: at worst two of them look at
the same file.
"""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final, final

import numpy as np
import PIL

from nas.data.decode import RESIZE_RULE, ImageError
from nas.data.file_source import Files, Scan, Stamp, UnreadableError, scan
from search_spaces.atomic import write_atomically

AT_ONCE: Final = 64
"""Files that are decoded before any of them is given away."""

SAVE_EVERY_S: Final = 10.0
"""A process that is killed leaves what it has seen until then: that is told, and no more."""

RULE: Final = f"{RESIZE_RULE}; Pillow {PIL.__version__}; 2"
"""What the same bytes are seen by: files are looked at anew where it is another one."""

Told = Callable[[int, int], None]
"""Told how many of how many images are decoded."""


def untold(done: int, total: int) -> None:
    """Tell nobody."""


def look_at(
    files: Files, paths: Sequence[PurePosixPath], folder: Path | None, told: Told = untold
) -> Generator[Scan | ImageError, None, None]:
    """Yield what a look at each file tells, in order; decode those that are new or have changed.

    Close it: what was seen by then is kept.

    Args:
        files: Where they are.
        paths: Which.
        folder: Where it is kept for the next process; None: nowhere.
        told: How many files of those to be decoded are, and are kept.

    Raises:
        ResourceError: `disk_full`.
    """
    kept = _Kept(files, paths, folder)
    total, done = sum(kept.get(path) is None for path in paths), 0
    if total:
        told(0, total)
    try:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            seen = {path: known for path in some if (known := kept.get(path)) is not None}
            new = [path for path in some if path not in seen]
            if new:
                for path, found in zip(new, scan(files, new), strict=True):
                    seen[path] = found
                    kept.put(path, found)
                done += len(new)
                if done == total or kept.is_due():
                    kept.save()
                    told(done, total)
            yield from (seen[path] for path in some)
    finally:
        kept.save()


@final
class _Kept:
    """The scans of one place, by path.

    A file that cannot be read has none: whatever keeps it from being read may end without a trace in it.
    """

    def __init__(self, files: Files, paths: Sequence[PurePosixPath], folder: Path | None) -> None:
        self._path: Path | None = None
        self._stamps: dict[PurePosixPath, Stamp] = {}
        self._known: dict[str, list[Any]] = {}
        self._new: dict[str, list[Any]] = {}
        self._saved_at = time.monotonic()
        if folder is None:
            return
        place = hashlib.sha256(files.identity.encode(errors="surrogateescape")).hexdigest()
        self._path = folder / f"{place[:32]}.scans"
        self._known = _read(self._path)
        # Before anything is read: a file that changes meanwhile is another one the next time.
        for path in paths:
            try:
                self._stamps[path] = files.stamp(path)
            except OSError:
                continue  # reading it will tell

    def get(self, path: PurePosixPath) -> Scan | ImageError | None:
        """Return what was seen of a file as it is now."""
        entry = self._known.get(str(path))
        if entry is None or self._stamps.get(path) != tuple(entry[0]):
            return None
        return _seen(entry)

    def put(self, path: PurePosixPath, found: Scan | ImageError) -> None:
        """Take in what is seen of a file."""
        if path in self._stamps and not isinstance(found, UnreadableError):
            self._new[str(path)] = _entry(self._stamps[path], found)

    def is_due(self) -> bool:
        """Whether it is to be kept now: the last time is long ago, or there is no place and nothing to do."""
        return self._path is None or time.monotonic() - self._saved_at >= SAVE_EVERY_S

    def save(self) -> None:
        """Keep what is new, and what others have kept meanwhile; not what is there no more."""
        self._saved_at = time.monotonic()
        if self._path is None or not self._new:
            return
        listed = {str(path) for path in self._stamps}
        merged = {**self._known, **_read(self._path), **self._new}
        self._known = {path: entry for path, entry in merged.items() if path in listed}
        self._new = {}
        body = json.dumps({"rule": RULE, "files": self._known}, separators=(",", ":")).encode()
        write_atomically(self._path, hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        self._saved_at = time.monotonic()


def _read(path: Path) -> dict[str, list[Any]]:
    """Return the entries of a document; none where it is not what was written."""
    if not path.is_file():
        return {}
    digest, _, body = path.read_bytes().partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return {}
    document = json.loads(body)
    files: dict[str, list[Any]] = document["files"] if document["rule"] == RULE else {}
    return files


def _entry(stamp: Stamp, found: Scan | ImageError) -> list[Any]:
    if isinstance(found, ImageError):
        return [stamp, str(found)]
    thumbnail = base64.b64encode(found.thumbnail.tobytes()).decode()
    return [stamp, found.digest.hex(), found.num_channels, found.brightest, thumbnail]


def _seen(entry: list[Any]) -> Scan | ImageError:
    if len(entry) == 2:
        return ImageError(entry[1])
    digest, num_channels, brightest, thumbnail = entry[1:]
    grey = np.frombuffer(base64.b64decode(thumbnail), dtype=np.uint8)
    return Scan(bytes.fromhex(digest), num_channels, grey, brightest)
