import errno

import pytest

from nas.faults import as_compute_error


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (MemoryError("no 3 GiB"), "task_out_of_memory", "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "compute_disk_full", "disk"),
        (OSError(errno.EACCES, "Permission denied"), "task_crashed", "crash"),
        (TypeError("first\nsecond"), "task_crashed", "crash"),
    ],
)
def test_unexpected_errors_have_a_kind_of_fault(error: Exception, code: str, fault: str) -> None:
    found = as_compute_error(error)
    assert (found.code, found.fault) == (code, fault)
    assert type(error).__name__ in found.message
    assert "\n" not in found.message
