"""Several tasks of a phase, as many at a time as there is room for."""

from collections import deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from queue import SimpleQueue
from threading import Thread
from typing import Final

from nas.ports import Compute, Run
from nas.task_events import Event
from nas.tasks import Task

_ENDED: Final = None


def run_all(
    compute: Compute, tasks: Sequence[Task], at_once: int
) -> Generator[tuple[int, Event], None, None]:
    """Run tasks to their ends; yield what they say as it comes, each with the number of its task.

    The first error of a task ends the others. Closing the generator cancels all.

    Args:
        compute: Runs them.
        tasks: In the order in which they begin.
        at_once: Tasks at a time. One by one they run in the thread that asks for their events.

    Raises:
        HwnasError: As `Compute.run`.
    """
    if min(at_once, len(tasks)) > 1:
        yield from _side_by_side(compute, tasks, at_once)
        return
    for number, task in enumerate(tasks):
        with closing(compute.run(task)) as events:
            for event in events:
                yield number, event


def _side_by_side(
    compute: Compute, tasks: Sequence[Task], at_once: int
) -> Generator[tuple[int, Event], None, None]:
    said: SimpleQueue[tuple[int, Event | BaseException | None]] = SimpleQueue()
    waiting, running = deque(enumerate(tasks)), dict[int, Run]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, task = waiting.popleft()
                running[number] = compute.run(task)
                Thread(target=_follow, args=(number, running[number], said), daemon=True).start()
            number, what = said.get()
            if isinstance(what, BaseException):
                raise what
            if what is _ENDED:
                del running[number]
            else:
                yield number, what
    finally:
        with ExitStack() as closing_all:
            for run in running.values():
                closing_all.callback(run.close)


def _follow(number: int, run: Run, said: "SimpleQueue[tuple[int, Event | BaseException | None]]") -> None:
    try:
        for event in run:
            said.put((number, event))
    except BaseException as error:  # noqa: BLE001 - whatever it is, who asked for the events raises it
        said.put((number, error))
    else:
        said.put((number, _ENDED))
