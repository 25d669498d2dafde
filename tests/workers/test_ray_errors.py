"""What Ray's errors are turned into; how Ray raises them is seen in `test_cluster.py`."""

import errno

import pytest
from ray import exceptions

from search_spaces.errors import ComputeError, UsageError
from workers.ray_errors import blamed, not_joined, not_started, translated


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


def not_connected(cause: str) -> ConnectionError:
    """What `ray.init` raises where it has not joined; why is told by what it came from."""
    error = ConnectionError("Failed to connect to Ray cluster at 10.0.0.1:6379")
    error.__cause__ = RuntimeError(f"Failed to connect to GCS. Last connection error: {cause}")
    return error


def test_who_is_not_let_in_is_told_what_to_set() -> None:
    wrong = not_joined(not_connected("ray.exceptions.AuthenticationError: InvalidAuthToken"), "10.0.0.1:6379")
    for refused in (wrong, translated(exceptions.AuthenticationError("no token"))):
        assert (type(refused), refused.code) == (UsageError, "ray_refused")
        assert "RAY_AUTH_TOKEN" in refused.message


def test_a_cluster_of_another_version_refuses_for_good() -> None:
    refused = not_joined(RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 1.0"), "a:1")
    assert (type(refused), refused.code) == (UsageError, "ray_refused")
    assert "install the same" in refused.message


@pytest.mark.parametrize(
    "error",
    [
        not_connected("failed to connect to all addresses; last error: UNAVAILABLE"),
        RuntimeError("This node has an IP address of 10.0.0.7, and Ray expects this IP address to be"),
        exceptions.RpcError("deadline exceeded"),
    ],
)
def test_a_cluster_that_is_away_may_be_joined_later(error: BaseException) -> None:
    away = not_joined(error, "10.0.0.1:6379")
    assert isinstance(away, ComputeError)
    assert (away.code, away.fault) == ("ray_away", "no_cluster")
    assert "10.0.0.1:6379" in away.message


def test_a_crash_while_the_kernel_made_room_is_for_want_of_memory() -> None:
    crashed = translated(exceptions.WorkerCrashedError())
    assert blamed(crashed, 0) is crashed
    found = blamed(crashed, 1)
    assert isinstance(found, ComputeError)
    assert (found.code, found.fault) == ("task_out_of_memory", "out_of_memory")
    full = translated(exceptions.OutOfDiskError("disk"))
    assert blamed(full, 1) is full


def test_a_ray_that_does_not_start_is_lost_unless_the_disk_is_full() -> None:
    timed_out = not_started(Exception("The current node timed out during startup."))
    assert isinstance(timed_out, ComputeError)
    assert timed_out.fault == "lost_node"
    full = not_started(OSError(errno.ENOSPC, "No space left on device"))
    assert isinstance(full, ComputeError)
    assert full.fault == "disk"
