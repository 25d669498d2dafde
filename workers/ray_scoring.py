"""One scoring task in as many processes as are worth it, each given some subnets at a time."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, final

import ray

from nas.task_events import SubnetScored
from nas.tasks import ScoreSubnets
from search_spaces.errors import ComputeError
from workers.ray_messages import Workshop
from workers.ray_remote import score_remotely

SUBNETS_EACH: Final = 4
"""A process takes seconds to start: for fewer subnets than this it is not worth it."""


@final
class ScoringRun:
    """One scoring task.

    Each process is given its part of half of what is left, and then of half of that (guided self-scheduling,
    Polychronopoulos and Kuck 1987): one that starts late does less, and all end at about the same time.

    Args:
        task: What to score.
        workshop: What its processes are given.
        num_cpus: That Ray has.
    """

    def __init__(self, task: ScoreSubnets, workshop: Workshop, num_cpus: int) -> None:
        wanted = -(-len(task.architectures) // SUBNETS_EACH)
        self._at_once = max(min(num_cpus, wanted, task.num_workers or wanted), 1)
        self._task = task
        self._workshop = workshop
        self._waiting = deque(enumerate(task.architectures))
        self._lock = threading.Lock()
        self._streams: list[Any] = []
        self._cancelled = False

    def events(self) -> Iterator[SubnetScored]:
        """Yield each subnet as it is scored, whoever is first."""
        common = ray.put(replace(self._task, architectures=()))
        for _ in range(self._at_once):
            self._give(common)
        while self._streams:
            found: Any = ray.wait(list(self._streams), num_returns=1)
            (ready,), _ = found
            try:
                scored = next(ready)
            except StopIteration:
                self._streams.remove(ready)
                self._give(common)
            else:
                yield ray.get(scored)

    def cancel(self) -> None:
        """End the processes of this run, whatever they are at."""
        with self._lock:
            self._cancelled = True
            streams = list(self._streams)
        for stream in streams:
            ray.cancel(stream, force=True)

    def _give(self, common: Any) -> None:
        """Have a process score its part of what is left, if anything is.

        Raises:
            ComputeError: `task_cancelled`, by another thread just before.
        """
        shares = 1 if self._at_once == 1 else 2 * self._at_once
        part = [self._waiting.popleft() for _ in range(-(-len(self._waiting) // shares))]
        with self._lock:
            if self._cancelled:
                raise ComputeError("task_cancelled", "the task was cancelled")
            if part:
                self._streams.append(score_remotely.remote(common, self._workshop, part))
