"""Keeps what a worker holds, from a thread of its own: its name, and the lease of its job.

A renewal is answered with one of three things. *Renewed*: go on. *Lost*: somebody else has the job; stop,
write nothing. No answer: the database may be away; go on until the lease would have run out, by this
process's own clock, and stop then.
"""

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from nas.leases import Lease, LeaseLost, LeaseTimes, Renewal
from nas.store.stores import Stores
from nas.store.workers import WorkerLease
from search_spaces.errors import HwnasError


class JobCancelled(Exception):  # noqa: N818 - an ordinary end
    """Somebody has asked to cancel the job that runs."""


class HeartbeatFailed(Exception):  # noqa: N818 - named for what happened
    """Renewing met an error that nobody foresaw: the job that runs has to end before its lease does."""


class Draining(BaseException):
    """The worker is to end, and why: the job goes on elsewhere, or later.

    Raised by a signal in the midst of anything, as `KeyboardInterrupt` is: no library is to take it for an
    error of its own.
    """


@dataclass
class _Held:
    """A job that is run.

    Attributes:
        watermark: Returns how far it is.
        renewed_at: On this process's clock.
        stop: Why it has to stop; None while it need not.
    """

    lease: Lease
    watermark: Callable[[], int]
    renewed_at: float
    stop: Exception | None = None


@final
class Heartbeat:
    """Renews until it is closed.

    Args:
        stores: Where leases are.
        name: The worker's.
        times: How long leases hold.
    """

    def __init__(self, stores: Stores, name: WorkerLease, times: LeaseTimes) -> None:
        self._stores = stores
        self._name = name
        self._times = times
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._draining = ""
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def hold(self, lease: Lease, watermark: Callable[[], int]) -> None:
        """Renew a job's lease from now on."""
        with self._lock:
            self._held = _Held(lease, watermark, time.monotonic())

    def release(self) -> None:
        """Renew it no more; no renewal is under way when this returns."""
        with self._lock:
            self._held = None

    def drain(self, reason: str) -> None:
        """Have the running job stop at its next step, and the worker end."""
        self._draining = reason

    def check(self) -> None:
        """Raise where the running job has to stop.

        Raises:
            LeaseLost: It is another's, or nobody answered for as long as the lease holds.
            JobCancelled: Somebody has asked for that.
            HeartbeatFailed: Its lease is renewed no more. The worker drains after it.
            Draining: The worker ends.
        """
        held = self._held
        if held is not None and held.stop is not None:
            raise held.stop
        if self._draining:
            raise Draining(self._draining)
        if held is None:
            return
        if time.monotonic() - held.renewed_at > self._times.stop_after_ms / 1000:
            raise LeaseLost("the lease could not be renewed in time: another worker may have the job")

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._closed.wait(self._times.renew_every_ms / 1000):
            with self._lock:
                try:
                    if self._held is not None:
                        self._renew(self._held)
                    self._stores.workers.renew(self._name)
                except LeaseLost as lost:
                    self.drain(str(lost))  # two of one name: this one has slept, the other works
                except HwnasError:
                    continue  # no answer: `check` stops the job when its lease would have run out
                except Exception as error:  # noqa: BLE001 - without this thread the lease would be lost in silence
                    self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Have the job end with an error of its own, and then the worker: it is not to spoil further jobs."""
        traceback.print_exc(file=sys.stderr)
        reason = f"its heartbeat failed with {type(error).__name__}: {error}"
        if self._held is not None:
            self._held.stop = HeartbeatFailed(reason)
        self.drain(reason)

    def _renew(self, held: _Held) -> None:
        begun = time.monotonic()
        answer = self._stores.queue.renew({held.lease: held.watermark()})[held.lease]
        if answer is Renewal.LOST:
            held.stop = LeaseLost("another worker has the job")
            return
        held.renewed_at = begun
        if answer is Renewal.CANCEL_REQUESTED:
            held.stop = JobCancelled()
