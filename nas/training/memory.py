"""How the process treats memory that it frees while it trains."""

import ctypes
import sys
from typing import Final

# Names and numbers of mallopt's parameters in glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_NEVER_TRIM: Final = 2**31 - 1
_LARGEST_IN_HEAP: Final = (2**30, 32 * 2**20)
"""Some versions take no more than 32 MiB."""


def retain_freed_memory() -> bool:
    """Keep what is freed for the next allocation, until the process ends, instead of giving it back.

    A training step allocates its activations anew. glibc gives large ones back as soon as they are freed, so
    that each step pays for tens of thousands of page faults: a third of the time of a step of small networks.
    The process stays as large as it was at its peak.

    Returns:
        Whether the C library has these switches and took them; without them nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept_in_heap = any(mallopt(_MMAP_THRESHOLD, size) for size in _LARGEST_IN_HEAP)
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER_TRIM)) and kept_in_heap
