"""Homes for searches, and one finished search for all tests of the phases."""

import pickle
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from nas.job_records import Job
from nas.pipeline.context import PhaseContext
from nas.pipeline.runner import open_search, phase_context
from nas.results import SearchResult, TargetResult
from nas.store.job_run import JobRun, StoredJob
from nas.tasks import Task
from tests.built_once import built_once
from tests.nas.pipeline.small_search import Home, Recorder, frugal_searches, small_spec


@dataclass(frozen=True)
class FinishedSearch:
    """A search at its end.

    Attributes:
        last: The claim of the attempt that ended it. It reads as it did; what it writes is refused.
        tasks: That were run for it.
    """

    home: Home
    job: Job
    last: JobRun
    result: SearchResult
    progress: Recorder
    tasks: tuple[Task, ...]

    @property
    def run(self) -> StoredJob:
        """What it left."""
        return self.last.stored

    @property
    def target(self) -> TargetResult:
        """Its only target."""
        return self.result.targets[0]

    def context(self) -> PhaseContext:
        """What its phases were given; nothing can be saved with it."""
        return phase_context(open_search(self.result.spec, self.home.around()), self.last)


def finish(home: Home, **changes: object) -> FinishedSearch:
    """Run a small search to its end."""
    progress, job = Recorder(), home.submit(small_spec(**changes))
    stored = home.finish(job, progress)
    tasks = tuple(home.compute.tasks)
    return FinishedSearch(home, job, home.runs[-1], stored.result(), progress, tasks)


@pytest.fixture(scope="session", autouse=True)
def _frugal_searches() -> Iterator[None]:
    with frugal_searches():
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedSearch]:
    """A small search, run once for all processes; tests read a copy of it, and change further ones."""

    def build(folder: Path) -> None:
        home = Home(folder / "home")
        done = finish(home)
        home.close()
        leases = [run.lease for run in home.runs]
        left = (done.job, leases, done.progress, done.tasks, home.watch)
        (folder / "left.pickle").write_bytes(pickle.dumps(left))

    folder = built_once(tmp_path_factory, "finished", build)
    job, leases, progress, tasks, watch = pickle.loads((folder / "left.pickle").read_bytes())
    home = Home(Path(shutil.copytree(folder / "home", tmp_path_factory.mktemp("finished") / "home")))
    stores, home.watch = home.stores, watch
    stored = stores.stored(stores.jobs.get(leases[-1].tenant, job.id))
    home.runs = [JobRun(stored, lease, stores.results, stores.artifacts) for lease in leases]
    yield FinishedSearch(home, job, home.runs[-1], stored.result(), progress, tasks)
    home.remove()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home."""
    opened = Home(tmp_path / "home")
    yield opened
    opened.remove()


@pytest.fixture
def copied(finished: FinishedSearch, tmp_path: Path) -> Iterator[Home]:
    """A home with everything that the finished search left."""
    opened = finished.home.copy(tmp_path / "copied")
    yield opened
    opened.remove()


@dataclass(frozen=True)
class Second:
    """Another search in a copy of the home of a finished one.

    Attributes:
        limit_ms: Its limit.
    """

    search: FinishedSearch
    limit_ms: float

    @property
    def result(self) -> SearchResult:
        """What it found."""
        return self.search.result


@pytest.fixture(scope="module")
def second(finished: FinishedSearch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    """A search on the same supernet and table whose limit about half of the networks keep."""
    home = finished.home.copy(tmp_path_factory.mktemp("second") / "home")
    limit_ms = float(np.median([network.latency.upper_ms for network in finished.target.networks])) * 1.02
    yield Second(finish(home, targets=[{"limits": {"latency_ms": limit_ms}}], references=[]), limit_ms)
    home.remove()
