"""Files that are there in full or not at all, whatever happens while they are written."""

import errno
import os
import tempfile
from pathlib import Path

from search_spaces.errors import ResourceError

# A quota and a limit on file sizes leave the user with the same thing to do as a full disk.
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def write_durably(path: Path, content: bytes) -> None:
    """Write a file so that a reader, even after a power cut, sees the old one or the new one.

    A temporary file in the same folder is written and synchronised, then renamed, then the folder is
    synchronised: without the last step the rename itself may be lost.

    Raises:
        ResourceError: `disk_full`; the temporary file is gone and an older file of that name untouched.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
        partial = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _synchronise(path.parent)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise ResourceError(
                "disk_full",
                f"no room for {len(content)} bytes in {path.parent}: free some space and run again",
            ) from error
        raise


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
