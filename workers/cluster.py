"""Tasks on Ray: a local one that is started and thrown away, or a cluster that is joined.

Ray itself runs in processes of its own (`workers.ray_driver`): nothing of it is loaded here, and whatever
happens to it, this process goes on. A Ray that is lost is an error of the tasks that ran on it; the next
task gets a new one.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from latency_predictors.processors import usable_cpus
from nas.ports import Artifacts
from nas.task_events import Event
from nas.tasks import Task
from search_spaces.errors import UsageError
from workers.ray_environment import proxies
from workers.ray_messages import Said, Workshop
from workers.ray_process import DriverProcess, RunMessages

LONGEST_PATH: Final = 22
"""Of a folder: Ray's sockets are 81 characters below it, and some systems allow 104 in all."""

JOINED_AT_ONCE: Final = 8
"""Tasks of one job that a cluster is given at a time."""


@dataclass(frozen=True)
class LocalRay:
    """A Ray on this machine, of our own.

    Attributes:
        num_cpus: Processes that compute at a time.
        folder: Where a folder for its files is made; its path has to be short.
    """

    num_cpus: int = field(default_factory=usable_cpus)
    folder: Path = Path("/tmp")

    def __post_init__(self) -> None:
        """Refuse a folder in which Ray cannot make its sockets.

        Raises:
            UsageError: `path_too_long`.
        """
        if len(str(self.folder)) > LONGEST_PATH:
            raise UsageError(
                "path_too_long",
                f"the path {self.folder} has {len(str(self.folder))} characters: give Ray a folder whose "
                f"path has {LONGEST_PATH} at most, because the paths of its sockets are limited",
            )


@dataclass(frozen=True)
class JoinedRay:
    """A cluster that is there; this machine is one of it.

    Attributes:
        address: Host and port of its head. The token is found as Ray finds it: RAY_AUTH_TOKEN or
            RAY_AUTH_TOKEN_PATH, else the file in the home folder.
        silence_s: A head that says nothing for so long is lost.
    """

    address: str
    silence_s: float = 20.0


@final
class RayCompute:
    """Runs tasks on Ray; a `Compute`. Use it in a `with` statement, or close it.

    Args:
        artifacts: Opens the artifact store, in any process: a function that can be pickled.
        folder: For scratch and decoded images, on every machine.
        ray: Which Ray. It is started or joined when the first task runs.
    """

    def __init__(self, artifacts: Callable[[], Artifacts], folder: Path, ray: LocalRay | JoinedRay) -> None:
        self._workshop = Workshop(artifacts, folder, proxies(os.environ))
        self._ray = ray
        self._lock = threading.Lock()
        self._driver: DriverProcess | None = None

    @property
    def at_once(self) -> int:
        """As many as it has processors; of a cluster many, and those wait there that it has no room for."""
        return self._ray.num_cpus if isinstance(self._ray, LocalRay) else JOINED_AT_ONCE

    def run(self, task: Task) -> "RemoteRun":
        """Return what a task says; it is started when the first event is asked for."""
        return RemoteRun(task, self._ready_driver)

    def close(self) -> None:
        """End the tasks that run, and Ray where it is ours."""
        with self._lock:
            self._end_driver()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ready_driver(self, wanted: Callable[[], bool]) -> DriverProcess | None:
        """Return the driver, a new one where there is none; None where that is not wanted any more."""
        with self._lock:
            if not wanted():
                return None
            if self._driver is not None and self._driver.ending:
                self._end_driver()
            if self._driver is None:
                self._driver = self._new_driver()
            return self._driver

    def _end_driver(self) -> None:
        """Wait for the end of a Ray: the next one starts when nothing of it is left."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None

    def _new_driver(self) -> DriverProcess:
        if isinstance(self._ray, JoinedRay):
            place = Path(tempfile.gettempdir())
            return DriverProcess(self._workshop, place, self._ray.address, silence_s=self._ray.silence_s)
        return DriverProcess(self._workshop, self._ray.folder, num_cpus=self._ray.num_cpus)


@final
class RemoteRun:
    """The events of one task; another thread may close it.

    Who waits for an event then, or asks next, gets `task_cancelled`: what was cut off never looks like what
    has ended. Nothing closes it but whoever has it: the memory's cleaning may come in any thread, in that of
    the driver as well, which then would wait for itself.
    """

    def __init__(self, task: Task, driver: Callable[[Callable[[], bool]], DriverProcess | None]) -> None:
        self._task = task
        self._find_driver = driver
        self._driver: DriverProcess | None = None
        self._said = RunMessages()
        self._closed = self._over = False

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        if self._over or not self._started():
            raise StopIteration
        message = self._said.waiting.get()
        while isinstance(message, Said):
            if not self._closed:
                return message.event
            message = self._said.waiting.get()
        self._over = True
        if message.error is not None:
            raise message.error
        raise StopIteration

    def _started(self) -> bool:
        """Start the task where it is not; return False where it was closed before."""
        while self._driver is None:
            driver = self._find_driver(lambda: not self._closed)
            if driver is None or self._closed:
                return False
            if driver.start(self._task, self._said):
                self._driver = driver
                if self._closed:  # by another thread, since it was looked at
                    driver.cancel(self._said)
        return True

    def close(self) -> None:
        """Cancel the task, unless it is over; nothing of it runs on when this returns."""
        closed, self._closed = self._closed, True
        if self._driver is not None and not closed and not self._over:
            self._driver.cancel(self._said)
