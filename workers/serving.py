"""`hwnas worker`: a process that works on whatever is queued, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Final

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


def run_worker(settings: Settings, name: str = "") -> WorkerEnded:
    """Work until SIGTERM or Ctrl-C: the running job is given back then, at no cost.

    Raises:
        UsageError: `worker_name_taken`.
        StoreError: What keeps the database from being used.
    """
    with (
        opened_stores(settings) as stores,
        shown_progress() as shown,
        _compute(settings) as compute,
        Orchestrator(stores, settings, compute, shown, name) as worker,
    ):
        shown.say(f"worker {worker.name} works on whatever is queued; Ctrl-C ends it")
        reason = _work(worker, shown)
    return WorkerEnded(name=worker.name, reason=reason)


def _work(worker: Orchestrator, shown: Progress) -> str:
    """Work until a signal comes, or another worker has the name; return the reason."""
    woken = threading.Event()
    with _drained_by_signals(worker, woken):
        while True:
            try:
                if not worker.work_once():
                    woken.wait(PAUSE_S)
            except Draining as drained:
                return str(drained)
            except (StoreError, ResourceError) as error:
                shown.say(f"{error.message}; tried again in {AGAIN_S:g} s")
                woken.wait(AGAIN_S)


def _compute(settings: Settings) -> RayCompute:
    ray = JoinedRay(settings.ray_address) if settings.ray_address else LocalRay()
    open_store: Callable[[], Artifacts] = partial(
        open_artifacts, settings.artifact_url, settings.artifact_cache
    )
    return RayCompute(open_store, settings.home, ray)


@contextmanager
def _drained_by_signals(worker: Orchestrator, woken: threading.Event) -> Iterator[None]:
    """Have SIGTERM and SIGINT stop the worker: at once where it runs a job, else when it looks next."""

    def stop(number: int, frame: FrameType | None) -> None:
        woken.set()
        worker.interrupt()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
