"""`hwnas worker`: a process that works on whatever is queued, until it is told to stop."""

import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType, TracebackType
from typing import Final, Self, final

from rich.text import Text

from nas.pipeline.context import Progress
from nas.ports import Artifacts
from nas.results import Document
from nas.settings import Settings
from nas.store.artifacts import open_artifacts
from nas.store.stores import opened_stores
from search_spaces.errors import ResourceError, StoreError
from workers.cluster import JoinedRay, LocalRay, RayCompute
from workers.heartbeat import Draining
from workers.orchestrator import PAUSE_S, Orchestrator
from workers.progress import shown_progress

AGAIN_S: Final = 10.0
"""Pause where the database does not answer, or there is no room."""


class WorkerEnded(Document):
    """A worker that has ended.

    Attributes:
        reason: Why, in words.
    """

    name: str
    reason: str

    def __rich__(self) -> Text:
        """Say so."""
        return Text(f"worker {self.name} has ended: {self.reason}. What is left goes on with the next one")


def run_worker(settings: Settings, name: str = "", *, until_eof: bool = False) -> WorkerEnded:
    """Work until SIGTERM or Ctrl-C: the running job is given back then, at no cost.

    Args:
        settings: Where jobs are.
        name: Of the worker.
        until_eof: Also end where nothing is left to do once standard input has ended.

    Raises:
        UsageError: `worker_name_taken`.
        StoreError: What keeps the database from being used.
    """
    with (
        Signals() as signals,
        opened_stores(settings) as stores,
        shown_progress() as shown,
        _compute(settings) as compute,
        Orchestrator(stores, settings, compute, shown, name) as worker,
    ):
        signals.interrupt(worker)
        shown.say(f"worker {worker.name} works on whatever is queued; Ctrl-C ends it")
        reason = _work(worker, shown, signals.came, _input_ended if until_eof else lambda: False)
    return WorkerEnded(name=worker.name, reason=reason)


def _work(
    worker: Orchestrator, shown: Progress, woken: threading.Event, left_alone: Callable[[], bool]
) -> str:
    """Work until a signal comes, another worker has the name, or nobody is left to work for; return why."""
    while True:
        try:
            if worker.work_once():
                continue
            pause = PAUSE_S
        except Draining as drained:
            return str(drained)
        except (StoreError, ResourceError) as error:
            shown.say(f"{error.message}; tried again in {AGAIN_S:g} s")
            pause = AGAIN_S
        if left_alone():
            return "whoever started it is gone, and nothing is left to do"
        woken.wait(pause)


def _input_ended() -> bool:
    """Return whether standard input has ended: nobody is there any more who could write to it."""
    ready, _, _ = select.select([sys.stdin], [], [], 0.0)
    return bool(ready) and not os.read(sys.stdin.fileno(), 4096)


def _compute(settings: Settings) -> RayCompute:
    ray = JoinedRay(settings.ray_address) if settings.ray_address else LocalRay()
    open_store: Callable[[], Artifacts] = partial(
        open_artifacts, settings.artifact_url, settings.artifact_cache
    )
    return RayCompute(open_store, settings.home, ray)


@final
class Signals:
    """SIGTERM and SIGINT stop a worker: at once where it runs a job, else when it looks next.

    Caught from before a worker has a name until it has given it back: whoever ends in between leaves the name
    behind. Use it in a `with` statement.

    Attributes:
        came: Set when one has come.
    """

    def __init__(self) -> None:
        self.came = threading.Event()
        self._worker: Orchestrator | None = None

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def interrupt(self, worker: Orchestrator) -> None:
        """Stop this worker, also where a signal has come already."""
        self._worker = worker
        if self.came.is_set():
            worker.drain()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.came.set()
        if self._worker is not None:
            self._worker.interrupt()
