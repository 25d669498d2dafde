"""Runs tasks in this process: for notebooks, tests, and inside whatever runs them elsewhere."""

import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, final

from nas.export.tasks import compare_runtimes, export_networks, read_runtime_arena, score_exported
from nas.faults import as_compute_error
from nas.ports import Artifacts
from nas.scoring import score_subnets
from nas.task_events import Event, metered
from nas.tasks import (
    CompareRuntimes,
    DecodeImages,
    ExportNetworks,
    ReadArena,
    ScoreFile,
    ScoreSubnets,
    Task,
    TimeNetwork,
    TimeSupernet,
    TrainNetwork,
)
from nas.training.tasks import decode_images, time_network, time_supernet, train_network
from nas.workplace import Workplace, scratch_folder
from search_spaces.errors import HwnasError

_ONE_AT_A_TIME: Final = threading.Lock()
"""Held from event to event: `torch.onnx.export` changes modules of the whole process while it runs, and the
networks of other threads fail meanwhile."""


@final
class InProcessCompute:
    """Runs each task in the thread that asks for its events; a `Compute`.

    A task that may use several workers is run by one. Tasks of several threads take turns, event by event.

    Attributes:
        at_once: One: what a task takes of this process' time is what the process takes meanwhile.

    Args:
        artifacts: What tasks read and write.
        folder: For scratch and for decoded images.
    """

    at_once: Final = 1

    def __init__(self, artifacts: Artifacts, folder: Path) -> None:
        self._artifacts = artifacts
        self._folder = folder

    def run(self, task: Task) -> "InProcessRun":
        """Return what a task says; closing it ends it where it is."""
        return InProcessRun(self._said(task))

    def _said(self, task: Task) -> Generator[Event, None, None]:
        with scratch_folder(self._folder / "scratch") as scratch:
            workplace = Workplace(self._artifacts, scratch, self._folder / "images")
            try:
                with closing(perform(task, workplace)) as events:
                    while (event := _next(events)) is not None:
                        yield event
            except HwnasError:
                raise
            except Exception as error:
                raise as_compute_error(error) from error


@final
class InProcessRun:
    """The events of one task, which runs in the thread that asks for them; another thread may close it."""

    def __init__(self, events: Generator[Event, None, None]) -> None:
        self._events = events
        self._running = threading.Lock()

    def __iter__(self) -> "InProcessRun":
        return self

    def __next__(self) -> Event:
        with self._running:
            return next(self._events)

    def close(self) -> None:
        """End it, once it has said what it is at."""
        with self._running:
            self._events.close()


def _next(events: Iterator[Event]) -> Event | None:
    with _ONE_AT_A_TIME:
        return next(events, None)


def perform(task: Task, workplace: Workplace) -> Generator[Event, None, None]:
    """Do what a task asks for; each event tells the processor time that it took."""
    return metered(_events(task, workplace))


def _events(task: Task, workplace: Workplace) -> Iterator[Event]:
    match task:
        case TrainNetwork():
            return train_network(task, workplace)
        case ScoreSubnets():
            return score_subnets(task, workplace)
        case ExportNetworks():
            return export_networks(task, workplace)
        case ScoreFile():
            return score_exported(task, workplace)
        case CompareRuntimes():
            return compare_runtimes(task, workplace)
        case ReadArena():
            return read_runtime_arena(task, workplace)
        case DecodeImages():
            return decode_images(task, workplace)
        case TimeSupernet():
            return time_supernet(task, workplace)
        case TimeNetwork():
            return time_network(task, workplace)
