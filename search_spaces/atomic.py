"""Files that are there whole or not at all."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from search_spaces.errors import ResourceError

FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where nothing fits any more."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old content or the new one.

    Missing folders are made. Permissions are those of any new file of the user.

    Raises:
        ResourceError: `disk_full` where there is no room; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with room(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def room(path: Path) -> Iterator[None]:
    """Say of a full disk that it is full.

    Args:
        path: What is being written.

    Raises:
        ResourceError: `disk_full`.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise ResourceError(
                "disk_full", f"no room for {path}: free some space and start again"
            ) from error
        raise


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, as `fsync` has the content of a file there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
