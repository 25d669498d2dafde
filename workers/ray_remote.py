"""What the driver asks of Ray, by name: what computes is loaded where it runs, not where it is asked for.

`workers.ray_tasks` has it. It loads torch, which takes the driver a second and memory that it never uses.
"""

import importlib
from collections.abc import Iterator, Sequence
from typing import Final

import ray

from nas.task_events import Event, SubnetScored
from nas.tasks import ScoreSubnets, Task, TrainNetwork
from search_spaces.base import Architecture
from workers.ray_messages import Seat, Workshop

_TASKS: Final = "workers.ray_tasks"


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def perform_remotely(task: Task, workshop: Workshop) -> Iterator[Event]:
    """Run a task."""
    # One by one: Ray sends values into a stream, which not everything that yields events takes.
    for event in importlib.import_module(_TASKS).perform_there(task, workshop):  # noqa: UP028
        yield event


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def share_remotely(task: TrainNetwork, workshop: Workshop, seat: Seat) -> Iterator[Event | tuple[str, int]]:
    """Be one of several workers of a training. Number 0 says its address first, then what the task says."""
    for said in importlib.import_module(_TASKS).share_there(task, workshop, seat):  # noqa: UP028
        yield said


@ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")
def score_remotely(
    task: ScoreSubnets, workshop: Workshop, part: Sequence[tuple[int, Architecture]]
) -> Iterator[SubnetScored]:
    """Score some subnets of a task, which comes without its architectures; each has its number in it."""
    for scored in importlib.import_module(_TASKS).score_there(task, workshop, part):  # noqa: UP028
        yield scored
