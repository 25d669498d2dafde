"""A share of one processor, held by the kernel: a slow board on a fast machine.

The kernel gives it in slices of a millisecond: at a quarter, a millisecond of work takes four.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_GROUPS: Final = Path("/sys/fs/cgroup")
_SLICE_US: Final = 1_000


@contextmanager
def share_of_a_core(share: float) -> Iterator[Sequence[str]]:
    """Yield a command that runs the rest of its line with a share of one processor.

    Processes that were begun so have to have ended when the body ends.

    Args:
        share: Between 0 and 1.

    Raises:
        PermissionError: Control groups are not this user's to make.
    """
    period_us, second = round(_SLICE_US / share), (_GROUPS / "cgroup.controllers").exists()
    group = (_GROUPS if second else _GROUPS / "cpu") / "hwnas-benchmark"
    group.mkdir(exist_ok=True)
    try:
        if second:
            (group / "cpu.max").write_text(f"{_SLICE_US} {period_us}", encoding="ascii")
        else:
            (group / "cpu.cfs_period_us").write_text(str(period_us), encoding="ascii")
            (group / "cpu.cfs_quota_us").write_text(str(_SLICE_US), encoding="ascii")
        yield ("sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh")
    finally:
        for _ in range(50):
            with suppress(OSError):  # the kernel still clears up what ran there
                group.rmdir()
                break
            threading.Event().wait(0.1)
