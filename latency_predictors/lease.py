"""One measuring process at a time on a device, and nothing else computes there meanwhile.

Who measures holds the device alone; whoever trains, scores or exports shares it for a step at a time. Two
locks, because one that is shared again and again would never come free for somebody who wants it alone: the
gate is closed first, then the steps that are under way are waited for.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from latency_predictors.device import host_device
from search_spaces.errors import ResourceError


def host_lease_folder() -> Path:
    """Return where the locks of this host stand: a folder of the user's own, whatever their settings.

    Nobody else can put anything into a lock's place.

    Raises:
        ResourceError: `not_writable` where no folder for temporary files can be written to.
    """
    try:
        return Path(tempfile.gettempdir()) / f"hwnas-leases-{os.getuid()}"
    except FileNotFoundError as error:
        raise ResourceError(
            "not_writable",
            f"no folder for temporary files can be written to ({error}): let this process write to /tmp (in "
            "a systemd unit ReadWritePaths=/tmp), or set TMPDIR to a folder of your own",
        ) from error


@contextmanager
def measuring_lease(folder: Path, device_digest: str) -> Iterator[None]:
    """Hold the device for measuring; waits while another process of this host measures or ends its step.

    The kernel gives the locks back when their holder ends, however it ends; nothing has to be cleaned up.

    Args:
        folder: Where the lock files stand; the same for everyone who measures or computes on this host.
        device_digest: Which device.

    Raises:
        ResourceError: `not_writable` where the folder is another user's.
    """
    with ExitStack() as opened:
        for name in ("gate", "measuring"):
            fcntl.flock(opened.enter_context(_opened(folder, name, device_digest)), fcntl.LOCK_EX)
        yield


class WorkShare(AbstractContextManager[None]):
    """The share of a device that whoever computes there has. Use it in a `with` statement around each step.

    Waits while the device is measured. A step holds one share: with a second one inside it would wait for who
    measures, who waits for the first.

    Args:
        folder: As in `measuring_lease`.
        device_digest: Which device.
    """

    def __init__(self, folder: Path, device_digest: str) -> None:
        self._files = ExitStack()
        self._gate, self._lock = (
            self._files.enter_context(_opened(folder, name, device_digest)) for name in ("gate", "measuring")
        )

    def __enter__(self) -> None:
        """Begin a step."""
        fcntl.flock(self._gate, fcntl.LOCK_SH)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        fcntl.flock(self._gate, fcntl.LOCK_UN)

    def __exit__(self, *error: object) -> None:
        """End it."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the share up."""
        self._files.close()


def host_share() -> WorkShare:
    """Return a share of this host."""
    return WorkShare(host_lease_folder(), host_device().digest)


@contextmanager
def _opened(folder: Path, name: str, device_digest: str) -> Iterator[int]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid != os.getuid():
        raise ResourceError(
            "not_writable",
            f"{folder} belongs to somebody else, who could keep this machine from being measured: remove it, "
            "or set TMPDIR to a folder of your own",
        )
    # A link that somebody put in the file's place is refused, never written through.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / f"{name}-{device_digest[:16]}.lock", flags, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
