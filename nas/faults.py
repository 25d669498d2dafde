"""What an error that is not one of the domain says of what ran a task."""

from search_spaces.atomic import FULL
from search_spaces.errors import ComputeError


def as_compute_error(error: BaseException) -> ComputeError:
    """Return what callers are told of an error that is not one of the domain."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, MemoryError):
        return ComputeError("task_out_of_memory", f"a task ran out of memory ({reason}): give it more")
    if isinstance(error, OSError) and error.errno in FULL:
        return ComputeError("compute_disk_full", f"a task found no room on the disk ({reason}): free some")
    return ComputeError("task_crashed", f"a task ended with {reason}: run it again, or report this")
