"""Fixed graphs that tell how fast a device is at a moment: a small network, and additions bound by memory.

The files are part of the package, the same everywhere; a test rebuilds them to the byte.
"""

import hashlib
from pathlib import Path

from latency_predictors.protocol import Subject
from search_spaces.errors import MeasurementError

_FOLDER = Path(__file__).parent
_NAMES = ("small_network", "memory_bound")


def default_anchors(file_format: str) -> tuple[Subject, ...]:
    """Return the anchors for a file format; by the first one subjects are scaled (`drift.slowness`).

    Raises:
        MeasurementError: `no_anchors` where the package has none for the format.
    """
    paths = [path for name in _NAMES if (path := _FOLDER / f"{name}.{file_format}").exists()]
    if not paths:
        raise MeasurementError("no_anchors", f"there are no anchors in format '{file_format}': give your own")
    return tuple(Subject(digest=hashlib.sha256(path.read_bytes()).hexdigest(), path=path) for path in paths)
