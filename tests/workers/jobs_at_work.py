"""A home with its stores open, jobs that end as a test tells them to, and a worker for them."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import update

from nas.compute import InProcessCompute
from nas.job_records import Job, JobRequest
from nas.jobs import JobKind, JobState
from nas.leases import LeaseTimes
from nas.pipeline.context import Done, PhaseEnd, Surroundings
from nas.settings import Settings
from nas.store.job_run import JobRun
from nas.store.session import writing
from nas.store.stores import Stores
from nas.store.tables import jobs
from tests.nas.pipeline.small_search import Recorder
from workers import orchestrator
from workers.orchestrator import Orchestrator

JobFunction = Callable[[JobRun, Surroundings], PhaseEnd]
TENANT = "local"
QUICK = LeaseTimes(lease_ms=2_000, stall_ms=60_000)
"""Renewed twice a second: enough for a busy machine."""


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another thread or process brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        threading.Event().wait(0.01)


@dataclass
class Workplace:
    """A home in which jobs are queued and run.

    Attributes:
        shown: What workers here have told.
    """

    settings: Settings
    stores: Stores
    shown: Recorder = field(default_factory=Recorder)

    @contextmanager
    def worker(self, name: str = "", times: LeaseTimes | None = None) -> Iterator[Orchestrator]:
        """A worker of this thread."""
        compute = InProcessCompute(self.stores.artifacts, self.settings.home)
        with Orchestrator(self.stores, self.settings, compute, self.shown, name, times) as worker:
            yield worker

    def submit(self, name: str = "") -> Job:
        """Queue a job."""
        return self.stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {}, name))

    def get(self, job: Job) -> Job:
        """A job as it stands."""
        return self.stores.jobs.get(TENANT, job.id)

    def state(self, job: Job) -> JobState:
        """Where a job stands."""
        return self.get(job).state

    def events(self, job: Job) -> list[str]:
        """The kinds of its events."""
        return [event.kind for event in self.stores.jobs.events(TENANT, job.id)]

    def let_time_pass(self, ms: int) -> None:
        """Move every time of every job into the past: as if so long had gone by."""
        names = ("lease_until_ms", "progress_at_ms", "not_before_ms")
        with writing(self.stores.engine) as connection:
            connection.execute(update(jobs).values({name: jobs.c[name] - ms for name in names}))

    def taken_away(self) -> None:
        """Let the lease of the running job run out and give the job to somebody else."""
        self.let_time_pass(3_600_000)
        self.stores.queue.reap()
        self.let_time_pass(3_600_000)
        assert len(self.stores.queue.claim("somebody else")) == 1


@contextmanager
def workplace(home: Path, times: LeaseTimes | None = None) -> Iterator[Workplace]:
    """Open a home."""
    settings = Settings(home=home)
    stores = Stores.open(settings, times)
    try:
        yield Workplace(settings, stores)
    finally:
        stores.engine.dispose()


def jobs_do(monkeypatch: pytest.MonkeyPatch, function: JobFunction) -> None:
    """Have jobs do what a test wants in the place of profiling."""
    monkeypatch.setattr(orchestrator, "KINDS", {JobKind.PROFILE: function})


def done(run: JobRun, around: Surroundings) -> PhaseEnd:
    """End at once."""
    return Done()


def working(run: JobRun, around: Surroundings) -> PhaseEnd:
    """Work in small steps until somebody ends it."""
    around.progress.step("profile", 0, 1_000)
    for number in range(6_000):
        threading.Event().wait(0.01)
        around.progress.step("profile", min(number, 999), 1_000)
    raise AssertionError("nobody has ended it")
