"""What Ray's errors mean: one of the domain, or a fault of what ran the task."""

from collections.abc import Iterator
from typing import Final

from ray import exceptions

from nas.faults import as_compute_error
from search_spaces.errors import ComputeError, HwnasError, UsageError

_LOST = (
    exceptions.NodeDiedError,
    exceptions.LocalRayletDiedError,
    exceptions.ObjectLostError,
    exceptions.RaySystemError,
    exceptions.TaskUnschedulableError,
    exceptions.RpcError,
)
_TOKEN: Final = "authentication"
_VERSION: Final = "version mismatch"


def translated(error: BaseException) -> HwnasError:
    """Return the error that the caller of a task is given."""
    reason = _first_line(error)
    match error:
        # Before any error of the domain: Ray raises a class that is both.
        case exceptions.RayTaskError(cause=cause):
            return translated(cause) if isinstance(cause, BaseException) else as_compute_error(error)
        case HwnasError():
            return error
        case exceptions.TaskCancelledError():
            return ComputeError("task_cancelled", "the task was cancelled: run it again if it is wanted")
        case exceptions.AuthenticationError():
            return _refused(reason)
        case exceptions.OutOfMemoryError():
            return ComputeError("task_out_of_memory", f"a task was ended for want of memory ({reason})")
        case exceptions.OutOfDiskError() | exceptions.ObjectStoreFullError():
            return ComputeError("compute_disk_full", f"Ray has no room for its objects ({reason}): free some")
        case exceptions.WorkerCrashedError():
            return ComputeError("task_crashed", f"the process of a task ended ({reason}): run it again")
    if isinstance(error, _LOST):
        return ComputeError("node_lost", f"a machine was lost under a task ({reason}): run it again")
    return as_compute_error(error)


def blamed(error: HwnasError, kills: int) -> HwnasError:
    """Return the error of a task, where a crash may have been the kernel's doing.

    Args:
        error: As Ray has it: a process is gone.
        kills: Processes that the kernel ended here for want of memory while the task ran.
    """
    if error.code != "task_crashed" or not kills:
        return error
    return ComputeError(
        "task_out_of_memory", f"the kernel ended processes for want of memory ({error.message}): give it more"
    )


def not_started(error: BaseException) -> HwnasError:
    """Return the error of a local Ray that could not be started."""
    found = translated(error)
    if isinstance(found, ComputeError) and found.fault == "crash":
        return ComputeError("node_lost", f"Ray did not start ({_first_line(error)}): try again")
    return found


def not_joined(error: BaseException, address: str) -> HwnasError:
    """Return the error of a cluster that this process has not joined: refused for good, or away for now.

    Ray says why somewhere in the causes of its error.
    """
    reason, told = _first_line(error), " ".join(str(one) for one in _causes(error)).lower()
    if _TOKEN in told:
        return _refused(reason)
    if _VERSION in told:
        return UsageError(
            "ray_refused",
            f"the Ray cluster at {address} has another version of Ray or Python ({reason}): install the same",
        )
    return ComputeError(
        "ray_away",
        f"the Ray cluster at {address} cannot be joined now ({reason}): see that it runs, and that this "
        "computer is one of its nodes",
    )


def _refused(reason: str) -> UsageError:
    return UsageError(
        "ray_refused",
        f"the Ray cluster does not let this process join ({reason}): set RAY_AUTH_TOKEN or "
        "RAY_AUTH_TOKEN_PATH to its token",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
