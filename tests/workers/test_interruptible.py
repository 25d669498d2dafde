"""Where a signal may end a job: while it waits for a task, and nowhere else."""

from collections.abc import Iterator

import pytest

from nas.task_events import Event
from nas.tasks import ScoreFile, Task
from tests.contracts.compute_contract import inputs
from workers.interruptible import Interruptible

TASK = ScoreFile(inputs(), "c" * 64, "test")
"""Any."""


class Noting:
    """Notes whether it is waited for when it says something; a `Compute` and its only run."""

    def __init__(self) -> None:
        self.waited: list[bool] = []
        self.closed = False
        self.compute = Interruptible(self, self.check)
        self.over = False

    def check(self) -> None:
        self.waited.append(self.compute.waits)
        if self.over:
            raise InterruptedError

    def run(self, task: Task) -> "Noting":
        return self

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        self.waited.append(self.compute.waits)
        raise StopIteration

    def close(self) -> None:
        self.closed = True


def test_only_who_waits_for_a_task_is_interruptible() -> None:
    noting = Noting()
    assert list(noting.compute.run(TASK)) == []
    assert noting.waited == [True, True]
    assert not noting.compute.waits


def test_who_has_to_stop_does_not_begin_to_wait() -> None:
    noting = Noting()
    noting.over = True
    with pytest.raises(InterruptedError):
        next(noting.compute.run(TASK))
    assert (noting.waited, noting.compute.waits) == ([True], False)


def test_a_task_is_closed_through_it() -> None:
    noting = Noting()
    noting.compute.run(TASK).close()
    assert noting.closed
