"""What a job computes with once it has run out of memory."""

from dataclasses import replace
from typing import Final, final

from nas.ports import Compute, Run
from nas.tasks import ScoreSubnets, Task, TrainNetwork


@final
class Frugal:
    """Runs each task in one process, where it might use several; a `Compute`.

    Args:
        compute: Runs them.
    """

    at_once: Final = 1

    def __init__(self, compute: Compute) -> None:
        self._compute = compute

    def run(self, task: Task) -> Run:
        """Return what a task says."""
        if isinstance(task, ScoreSubnets | TrainNetwork):
            task = replace(task, num_workers=1)
        return self._compute.run(task)
