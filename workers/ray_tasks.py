"""What runs in the processes of Ray: tasks as streams of events, and scorers that stay."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

import psutil
import ray

from latency_predictors.lease import host_share
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
    with workplace(workshop) as place:
        yield from perform(task, place)


def share_there(task: TrainNetwork, workshop: Workshop, seat: Seat) -> Iterator[Event | Address]:
    """Be one of several workers of a training. Number 0 says its address first, then what the task says."""
    with workplace(workshop) as place, ExitStack() as stack:
        if seat.address is None:
            meeting = Meeting(ray.util.get_node_ip_address(), seat.key)
            yield meeting.address
            group = stack.enter_context(meeting.group(seat.size))
        else:
            group = stack.enter_context(join_group(seat.address, seat.key, seat.rank, seat.size))
        # The workers share each batch in equal parts.
        yield from metered(train_network(task, place, group), seat.size)


class SubnetScorer:
    """Scores subnets one at a time; the supernet and the images of the last task stay in memory."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._share = host_share()
        self._task: ScoreSubnets | None = None
        self._evaluator: SubnetEvaluator | None = None

    def score(self, task: ScoreSubnets, index: int, architecture: Architecture) -> SubnetScored:
        """Score one subnet.

        Args:
            task: Without architectures, so that it is the same for all.
            index: Of the architecture in the whole task.
            architecture: Which subnet.
        """
        started = time.process_time()
        if self._evaluator is None or self._task != task:
            with workplace(self._workshop) as place:
                self._evaluator, self._task = open_evaluator(task, place), task
        with self._share:
            correct = self._evaluator.correct(architecture, task.part)
        return SubnetScored(index, correct, cpu_s=time.process_time() - started)


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
