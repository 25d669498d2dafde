"""Scorers that stay: one task is split over many, and the next task finds them warm."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, final

import ray

from nas.task_events import SubnetScored
from nas.tasks import ScoreSubnets
from workers.ray_messages import Workshop
from workers.ray_remote import Scorer

SUBNETS_EACH: Final = 4
"""A scorer takes seconds to start: for fewer subnets than this it is not worth it."""

IDLE_S: Final = 60.0
"""So long a scorer holds its processor and its memory without work."""

_AHEAD: Final = 2
"""Subnets given to a scorer at a time: the next one is there when one is done."""


@final
class ScorerPool:
    """The scorers of a driver.

    Args:
        workshop: What they are given.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._lock = threading.Lock()
        self._idle: list[Any] = []
        self._idle_since = time.monotonic()

    def borrow(self, number: int) -> list[Any]:
        """Return so many scorers, those that are there first."""
        with self._lock:
            found, self._idle = self._idle[:number], self._idle[number:]
        return found + [Scorer.remote(self._workshop) for _ in range(number - len(found))]  # type: ignore[attr-defined]

    def give_back(self, scorers: list[Any]) -> None:
        """Take scorers back that have nothing to do."""
        with self._lock:
            self._idle += scorers
            self._idle_since = time.monotonic()

    def make_room(self, num_cpus: int) -> None:
        """End idle scorers where something else waits for processors."""
        if ray.available_resources().get("CPU", 0.0) < num_cpus:
            self.end_idle()

    def end_idle(self, idle_s: float = 0.0) -> None:
        """End the scorers that have been idle for so long."""
        with self._lock:
            if time.monotonic() - self._idle_since < idle_s:
                return
            ended, self._idle = self._idle, []
        for scorer in ended:
            ray.kill(scorer)


@final
class ScoringRun:
    """One scoring task on scorers of a pool."""

    def __init__(self, task: ScoreSubnets, pool: ScorerPool, num_cpus: int) -> None:
        self._task = task
        self._pool = pool
        wanted = -(-len(task.architectures) // SUBNETS_EACH)
        self._scorers = pool.borrow(max(min(num_cpus, wanted, task.num_workers or wanted), 1))
        self._waiting = iter(enumerate(task.architectures))
        self._pending: dict[Any, Any] = {}

    def events(self) -> Iterator[SubnetScored]:
        """Yield each subnet as it is scored, whoever is first."""
        common = ray.put(_without_architectures(self._task))
        # Work goes to scorers that run: one that waits for a processor keeps none back.
        starting = {scorer.ready.remote(): scorer for scorer in self._scorers}
        left = len(self._task.architectures)
        while left:
            (done,), _ = ray.wait([*self._pending, *starting], num_returns=1)
            if done in starting:
                scorer, given = starting.pop(done), _AHEAD
                ray.get(done)
            else:
                scorer, given = self._pending.pop(done), 1
                yield ray.get(done)
                left -= 1
            for _ in range(given):
                self._give(scorer, common)
        self._scorers = [scorer for scorer in self._scorers if scorer not in starting.values()]
        self._pool.give_back(self._scorers)
        for scorer in starting.values():
            ray.kill(scorer)

    def cancel(self) -> None:
        """End the scorers of this run, whatever they are at."""
        for scorer in self._scorers:
            ray.kill(scorer)

    def _give(self, scorer: Any, common: Any) -> None:
        following = next(self._waiting, None)
        if following is not None:
            self._pending[scorer.score.remote(common, *following)] = scorer


def _without_architectures(task: ScoreSubnets) -> ScoreSubnets:
    """Return what is the same for all subnets of a task, however many score them."""
    return replace(task, architectures=(), num_workers=None)
