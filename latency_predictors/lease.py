"""One measuring process at a time on a device: two would measure each other."""

import fcntl
import os
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
    # A link that somebody put in the file's place is refused, never written through.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / f"measuring-{device_digest[:16]}.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
