"""Keeps the lease of a device while somebody measures there, from a thread that does nothing else.

One file may take longer than a lease holds, and so may a processor that cools down, or another process that
measures first: whoever renewed only between files would lose the device while they measure it.
"""

import threading
import time
from types import TracebackType
from typing import Final, Self, final

from nas.measurement_tasks import DeviceLease
from nas.store.measurement_queue import DatabaseMeasurementQueue
from search_spaces.errors import HwnasError

SECONDS_BETWEEN: Final = 1.0
"""Between what is told of progress: each time is a write, and somebody measures meanwhile."""


@final
class DevicePulse:
    """Renews a lease until the body ends. Use it in a `with` statement.

    Where the database does not answer nothing is lost: the lease holds as long as nobody else takes it.

    Args:
        queue: Of the device.
        lease: Of the device.
    """

    def __init__(self, queue: DatabaseMeasurementQueue, lease: DeviceLease) -> None:
        self._queue = queue
        self._lease = lease
        self._lock = threading.Lock()
        self._told = (0, 0)
        self._told_at = -SECONDS_BETWEEN
        self._stopped: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="device pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def begin(self) -> None:
        """Renew the lease for another batch: what was told of the one before is over.

        Raises:
            LeaseLost: Another measures there by now.
        """
        with self._lock:
            self._told, self._told_at = (0, 0), -SECONDS_BETWEEN
            self._renew()

    def progress(self, done: int, total: int) -> None:
        """Take down how many of how many files are measured, and tell it where a second has gone by.

        Raises:
            LeaseLost: Another measures there by now: whatever is measured now, nobody takes.
        """
        with self._lock:
            if self._stopped is not None:
                raise self._stopped
            self._told = (done, total)
            if time.monotonic() - self._told_at >= SECONDS_BETWEEN:
                self._renew()
                self._told_at = time.monotonic()

    def _renew(self) -> None:
        self._queue.renew(self._lease, *self._told)

    def _beat(self) -> None:
        while not self._ended.wait(self._queue.renew_every_s):
            try:
                with self._lock:
                    self._renew()
            except HwnasError:
                continue  # no answer: the next one may reach it
            except Exception as stopped:  # noqa: BLE001 - whoever measures is told with the next file
                self._stopped = stopped
                return
