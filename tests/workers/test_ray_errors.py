"""What Ray's errors are turned into; how Ray raises them is seen in `test_cluster.py`."""

import errno

import pytest
from ray import exceptions

from search_spaces.errors import ComputeError, UsageError
from workers.ray_errors import not_joined, not_started, translated


def of_task(cause: Exception) -> BaseException:
    """What `ray.get` raises of a task that raised."""
    error: BaseException = exceptions.RayTaskError("task", "traceback", cause).as_instanceof_cause()
    return error


def test_an_error_of_the_domain_comes_back_as_itself() -> None:
    raised = of_task(UsageError("unknown_recipe", "no recipe"))
    assert isinstance(raised, UsageError)
    assert isinstance(raised, exceptions.RayTaskError)
    found = translated(raised)
    assert (type(found), found.code, found.message) == (UsageError, "unknown_recipe", "no recipe")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (exceptions.WorkerCrashedError(), "crash"),
        (exceptions.ActorDiedError(), "crash"),
        (exceptions.NodeDiedError("node"), "lost_node"),
        (exceptions.LocalRayletDiedError(), "lost_node"),
        (exceptions.OutOfMemoryError("memory"), "out_of_memory"),
        (exceptions.OutOfDiskError("disk"), "disk"),
        (exceptions.TaskCancelledError(), "cancelled"),
        (of_task(MemoryError("3 GiB")), "out_of_memory"),
        (of_task(OSError(errno.ENOSPC, "No space left on device")), "disk"),
        (of_task(KeyError("x")), "crash"),
        (RuntimeError("of the driver"), "crash"),
    ],
)
def test_any_other_error_is_a_fault(error: BaseException, fault: str) -> None:
    found = translated(error)
    assert isinstance(found, ComputeError)
    assert found.fault == fault
    assert "\n" not in found.message


def test_who_is_not_let_in_is_told_what_to_set() -> None:
    assert "RAY_AUTH_TOKEN" in not_joined("no token").message
    assert translated(exceptions.AuthenticationError("no token")).code == "ray_refused"


def test_a_ray_that_does_not_start_is_lost_unless_the_disk_is_full() -> None:
    timed_out = not_started(Exception("The current node timed out during startup."))
    assert isinstance(timed_out, ComputeError)
    assert timed_out.fault == "lost_node"
    full = not_started(OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(full, ComputeError)
    assert full.fault == "disk"
