"""What runs in the processes of Ray: tasks as streams of events, and parts of what is to be scored.

Processes stay for the next task, whatever it is: each loads torch once.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, final

import numpy as np
import psutil
import ray
from numpy.typing import NDArray

from latency_predictors.lease import WorkShare, host_share
from nas.compute import perform
from nas.evaluation import SubnetEvaluator
from nas.scoring import open_evaluator
from nas.task_events import Event, SubnetScored, metered
from nas.tasks import ScoreSubnets, Task, TrainNetwork
from nas.training.group import Address, Meeting, join_group
from nas.training.tasks import train_network
from nas.workplace import Workplace, scratch_folder
from search_spaces.base import Architecture
from workers.ray_environment import PROXIES
from workers.ray_messages import Seat, Workshop

NICENESS: Final = 15
"""Of every process that computes: whoever uses the machine goes first."""


def perform_there(task: Task, workshop: Workshop) -> Iterator[Event]:
    """Run a task."""
    _SCORER.forget()
    with workplace(workshop) as place:
        yield from perform(task, place)


def share_there(task: TrainNetwork, workshop: Workshop, seat: Seat) -> Iterator[Event | Address]:
    """Be one of several workers of a training. Number 0 says its address first, then what the task says."""
    _SCORER.forget()
    with workplace(workshop) as place, ExitStack() as stack:
        if seat.address is None:
            meeting = Meeting(ray.util.get_node_ip_address(), seat.key)
            yield meeting.address
            group = stack.enter_context(meeting.group(seat.size))
        else:
            group = stack.enter_context(join_group(seat.address, seat.key, seat.rank, seat.size))
        # The workers share each batch in equal parts.
        yield from metered(train_network(task, place, group), seat.size)


def score_there(
    task: ScoreSubnets, workshop: Workshop, part: Sequence[tuple[int, Architecture]]
) -> Iterator[SubnetScored]:
    """Score some subnets.

    Args:
        task: Without architectures, so that it is the same for all processes.
        workshop: Where it is done.
        part: Of the task: numbers in it, and the architectures.
    """
    started = time.process_time()
    for index, architecture in part:
        correct = _SCORER.correct(task, workshop, architecture)
        now = time.process_time()
        yield SubnetScored(index, correct, cpu_s=now - started)
        started = now


@final
class SubnetScorer:
    """Scores subnets; the supernet and the images of the last task stay in memory until another begins."""

    def __init__(self) -> None:
        self._share: WorkShare | None = None
        self._asked: tuple[ScoreSubnets, Path] | None = None
        self._evaluator: SubnetEvaluator | None = None

    def correct(
        self, task: ScoreSubnets, workshop: Workshop, architecture: Architecture
    ) -> NDArray[np.bool_]:
        """Return for each image whether the answer is right; see `SubnetEvaluator.correct`."""
        if self._share is None:
            self._share = host_share()
        # Each part comes with a workshop of its own; what it opens is named by digests.
        asked = (task, workshop.folder)
        if self._evaluator is None or self._asked != asked:
            self.forget()
            with workplace(workshop) as place:
                self._evaluator, self._asked = open_evaluator(task, place), asked
        with self._share:
            return self._evaluator.correct(architecture, task.part)

    def forget(self) -> None:
        """Let go of what is in memory."""
        self._evaluator = self._asked = None


_SCORER: Final = SubnetScorer()
"""Of this process, which does one task at a time."""


@contextmanager
def workplace(workshop: Workshop) -> Iterator[Workplace]:
    """Make this process one that runs a task."""
    _step_back()
    for name in PROXIES:
        os.environ.pop(name, None)
    os.environ.update(workshop.proxies)
    with scratch_folder(workshop.folder / "scratch") as scratch:
        yield Workplace(workshop.artifacts(), scratch, workshop.folder / "images")


def _step_back() -> None:
    """Run at low priority from here on, as far as the system lets a process say so."""
    os.nice(max(NICENESS - os.nice(0), 0))
    process = psutil.Process()
    if hasattr(process, "ionice") and psutil.LINUX:
        # Some containers forbid it: then the disk is shared as it is.
        with suppress(psutil.AccessDenied, OSError):
            process.ionice(psutil.IOPRIO_CLASS_IDLE)
