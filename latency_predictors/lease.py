"""One measuring process at a time on a device: two would measure each other."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def measuring_lease(folder: Path, device_digest: str) -> Iterator[None]:
    """Hold the device for measuring; waits while another process of this host holds it.

    The kernel gives the lock back when its holder ends, however it ends; nothing has to be cleaned up.

    Args:
        folder: Where the lock file stands; the same for everyone who measures on this host.
        device_digest: Which device.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"measuring-{device_digest[:16]}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
