"""Workers that are killed and stopped while they work, at moments spread over the work."""

import multiprocessing
import os
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks import toy_worker
from benchmarks.toy_worker import TIMES, Counters

PAUSES_S: Final = (1.2 * TIMES.lease_ms / 1000, 2.4 * TIMES.lease_ms / 1000)
"""Beyond the lease: when the worker goes on, its job is queued, runs elsewhere or has ended."""

PATIENCE_S: Final = 300.0
_LOOK_S: Final = 0.005
_FORKS = multiprocessing.get_context("forkserver")
# What a worker imports is there when it is started, the command that each process imports anew included: a
# restart takes milliseconds, and those that go on after a pause meet others at work.
_FORKS.set_forkserver_preload(["benchmarks.toy_worker", "benchmarks.jobs"])


@dataclass
class Team:
    """Some workers, each restarted when it was killed.

    Attributes:
        paused: Numbers of those that stand still.
    """

    url: str
    size: int
    fenced: bool
    processes: dict[int, Any] = field(default_factory=dict)
    paused: set[int] = field(default_factory=set)
    timers: list[threading.Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counters = Counters(_FORKS.RawArray("q", self.size), _FORKS.RawArray("q", self.size))
        for number in range(self.size):
            self.start(number)

    def start(self, number: int) -> None:
        """Start a worker."""
        arguments = (self.url, number, self.counters, self.fenced)
        self.processes[number] = _FORKS.Process(target=toy_worker.work, args=arguments, daemon=True)
        self.processes[number].start()

    def kill(self, number: int) -> None:
        """End a worker as a power cut would, and start it again."""
        self.processes[number].kill()
        self.processes[number].join()
        self.start(number)

    def pause(self, number: int, seconds: float) -> None:
        """Stop a worker; it goes on by itself."""
        pid = self.processes[number].pid
        os.kill(pid, signal.SIGSTOP)
        self.paused.add(number)

        def go_on() -> None:
            os.kill(pid, signal.SIGCONT)
            self.paused.discard(number)

        timer = threading.Timer(seconds, go_on)
        timer.start()
        self.timers.append(timer)

    def end(self) -> None:
        """End all workers."""
        for timer in self.timers:
            timer.join()
        for process in self.processes.values():
            process.kill()
            process.join()

    @property
    def steps(self) -> int:
        """Steps that were saved so far."""
        return sum(self.counters.steps)

    @property
    def refused(self) -> int:
        """Jobs that were given up because a write was refused."""
        return sum(self.counters.refused)


def torment(team: Team, kills: int, pauses: int, total_steps: int, seed: int) -> int:
    """Kill and pause workers in a random order, spread evenly over the steps; each at a random moment.

    Returns:
        Kills and pauses that were done; fewer than asked for where the workers got no further.
    """
    rng = random.Random(seed)
    blows = ["kill"] * kills + ["pause"] * pauses
    rng.shuffle(blows)
    clock, until = threading.Event(), time.perf_counter() + PATIENCE_S
    for n, blow in enumerate(blows):
        while team.steps < total_steps * 0.9 * n / len(blows) or len(team.paused) == team.size:
            clock.wait(_LOOK_S)
            if time.perf_counter() > until:
                return n
        clock.wait(rng.uniform(0, 0.02))
        number = rng.choice([number for number in range(team.size) if number not in team.paused])
        if blow == "kill":
            team.kill(number)
        else:
            team.pause(number, rng.uniform(*PAUSES_S))
    return len(blows)
