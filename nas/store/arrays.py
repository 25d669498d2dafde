"""Named arrays as the content of one file, and back; nothing in it is ever unpickled."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import ArtifactError


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return named arrays as the content of a file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def unpacked(content: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays that `packed` wrote.

    Raises:
        ArtifactError: `damaged_file`.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = type(error).__name__
        raise ArtifactError(
            "damaged_file", f"stored arrays cannot be read ({reason}): start the search again"
        ) from error
