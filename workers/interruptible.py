"""Tasks that are waited for: where a signal may end a job at once."""

from collections.abc import Callable, Iterator
from typing import final

from nas.ports import Compute, Run
from nas.task_events import Event
from nas.tasks import Task


@final
class Interruptible:
    """A `Compute` that tells whether its only thread waits for a task.

    Anywhere else an exception out of the blue may hit the midst of a transaction. Traceback and locals then
    refer to its connection, which keeps the locks of a database for as long.

    Args:
        compute: Runs the tasks.
        check: Called before each wait, when a signal may raise already: none is missed. Raises where the job
            has to stop.

    Attributes:
        waits: Whether a task is waited for.
    """

    def __init__(self, compute: Compute, check: Callable[[], None]) -> None:
        self._compute = compute
        self._check = check
        self.waits = False

    def run(self, task: Task) -> Run:
        """Return what a task says."""
        return _Awaited(self._compute.run(task), self._next)

    def _next(self, run: Run) -> Event:
        self.waits = True
        try:
            self._check()
            return next(run)
        finally:
            self.waits = False


@final
class _Awaited:
    """The events of a task."""

    def __init__(self, run: Run, following: Callable[[Run], Event]) -> None:
        self._run = run
        self._following = following

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return self._following(self._run)

    def close(self) -> None:
        """Cancel the task."""
        self._run.close()
