"""What a search costs: processor time, device time, energy and carbon of each phase.

A phase keeps its own book. It is saved when an attempt ends, however it ends, and every few seconds
meanwhile, and the next attempt goes on with it: what was spent on work that a kill undid was spent all the
same, and nothing is counted twice.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final, final

from latency_predictors.meters import Meter, wait
from latency_predictors.meters.rapl import rapl_meters
from nas.ports import Compute, Run
from nas.results import PhaseCost
from nas.task_events import Event
from nas.tasks import Task

SAVE_EVERY_S: Final = 10.0
"""What a kill of the worker can lose of the book, beside the work that nobody has told of yet."""
_S_PER_H: Final = 3600.0
_MOST_W: Final = 1000.0
"""No processor package takes more: so long its counter surely does not go round."""
LOOK_EVERY_S: Final = 10.0
"""Far less than the minute in which a counter of the smallest range, 65 kJ, might go round."""


@cache
def host_counters() -> tuple[Meter, ...]:
    """Return the energy counters of this machine's processor packages; none where there are none."""
    return tuple(one for one in rapl_meters(Path("/"), wait) if isinstance(one, Meter))


@final
class Tally:
    """Joules that counters have counted since this was made.

    Attributes:
        joules: So far.
        complete: Whether nothing was missed: every counter answered, and often enough to see it wrap.
    """

    def __init__(self, counters: Sequence[Meter], clock: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._clock = clock
        self._looked_at = clock()
        self.joules = 0.0
        self.complete = bool(counters)
        self._last = self._read()

    def look(self) -> None:
        """Take in what the counters show now."""
        before, self._last = self._last, self._read()
        elapsed_s, self._looked_at = self._clock() - self._looked_at, self._clock()
        for counter, first, second in zip(self._counters, before, self._last, strict=True):
            wraps_at_j = counter.wraps_at_j or 0.0
            # One that has gone round and past where it was looks as if it had counted a little.
            unsure = elapsed_s * _MOST_W > wraps_at_j if wraps_at_j else second < first
            self.complete = self.complete and not unsure
            self.joules += second - first + (wraps_at_j if second < first else 0.0)

    def _read(self) -> list[float]:
        if not self.complete:
            return [0.0] * len(self._counters)
        try:
            return [counter.read().value for counter in self._counters]
        except (OSError, ValueError):
            self.complete = False
            return [0.0] * len(self._counters)


@final
class Book:
    """The costs of one phase, over all attempts. Made in the thread of the phase; any may enter a task.

    Args:
        cost: What earlier attempts have spent.
        watts_per_core: Power that is assumed for a busy processor.
        save: Keeps the costs.
        counters: Of the energy of this machine.
    """

    def __init__(
        self,
        cost: PhaseCost,
        watts_per_core: float,
        save: Callable[[PhaseCost], None],
        counters: Sequence[Meter] = (),
    ) -> None:
        self._before = cost
        self._watts = watts_per_core
        self._save = save
        self._tally = Tally(counters)
        self._saved_at = time.monotonic()
        self._tasks_cpu_s = 0.0
        self._device_s = cost.device_s
        self._owner = threading.get_ident()
        self._own_began_s = time.thread_time()
        self._own_s = 0.0
        self._lock = threading.RLock()

    def add_task(self, cpu_s: float, here_s: float) -> None:
        """Count processor time of a task, in the thread that has waited for it.

        Args:
            cpu_s: As the task told it.
            here_s: What of this thread's time passed while it was waited for: a task that runs in the very
                thread of the phase is not counted twice.
        """
        with self._lock:
            self._tasks_cpu_s += cpu_s - (here_s if threading.get_ident() == self._owner else 0.0)
            self._tally.look()
            if time.monotonic() - self._saved_at >= SAVE_EVERY_S:
                self.save()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at the counters now and then: a phase may compute for minutes before a task says a word."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(LOOK_EVERY_S):
                with self._lock:
                    self._tally.look()

        thread = threading.Thread(target=look, name="ledger", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def set_device_s(self, seconds: float) -> None:
        """Say for how long a device has been held for this phase, over all attempts."""
        self._device_s = seconds

    @property
    def cost(self) -> PhaseCost:
        """Everything so far."""
        if threading.get_ident() == self._owner:
            self._own_s = time.thread_time() - self._own_began_s
        cpu_s = max(self._tasks_cpu_s + self._own_s, 0.0)
        device_s = self._device_s - self._before.device_s
        metered = self._tally.complete
        # Sessions run while the phase waits: no counter is read then.
        assumed_s = device_s + (0.0 if metered else cpu_s)
        return PhaseCost(
            name=self._before.name,
            cpu_s=self._before.cpu_s + cpu_s,
            device_s=self._device_s,
            metered_wh=self._before.metered_wh + (self._tally.joules / _S_PER_H if metered else 0.0),
            assumed_wh=self._before.assumed_wh + assumed_s * self._watts / _S_PER_H,
        )

    def save(self) -> None:
        """Keep everything so far."""
        with self._lock:
            self._tally.look()
            self._saved_at = time.monotonic()
            self._save(self.cost)


@final
class CountedCompute:
    """Runs tasks on another compute and enters what they take; a `Compute`."""

    def __init__(self, compute: Compute, book: Book) -> None:
        self._compute = compute
        self._book = book

    @property
    def at_once(self) -> int:
        """As the compute that it runs them on."""
        return self._compute.at_once

    def run(self, task: Task) -> "CountedRun":
        """Return what a task says."""
        return CountedRun(self._compute.run(task), self._book)


@final
class CountedRun:
    """The events of one task."""

    def __init__(self, run: Run, book: Book) -> None:
        self._run = run
        self._book = book

    def __iter__(self) -> "CountedRun":
        return self

    def __next__(self) -> Event:
        started = time.thread_time()
        event = next(self._run)
        self._book.add_task(event.cpu_s, time.thread_time() - started)
        return event

    def close(self) -> None:
        """Cancel the task, if it has not ended."""
        self._run.close()
