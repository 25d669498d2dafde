"""What phases and tasks ask of their surroundings: narrow protocols, each with several implementations."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from latency_predictors.protocol import SessionResult
from nas.job_records import Job, JobEvent, JobPage, JobRequest
from nas.jobs import JobKind, JobState, Outcome
from nas.leases import Claim, Lease, Renewal
from nas.measurement_tasks import Batch, DeviceLease, MeasurementTask, TaskReport
from nas.task_events import Event
from nas.tasks import Task


class Artifacts(Protocol):
    """Content-addressed files; everything durable that is no row."""

    def put(self, content: bytes) -> str:
        """Keep content; return its SHA-256.

        It is durable when this returns; the same content is kept once.
        """

    def put_file(self, path: Path) -> str:
        """Keep a file's content likewise."""

    def get(self, digest: str) -> bytes:
        """Return verified content.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """

    def local_path(self, digest: str, suffix: str = "") -> Path:
        """Return a verified file on this machine with the content, whose name ends in `suffix`.

        It is not to be changed.
        """

    def has(self, digest: str) -> bool:
        """Return whether content is there (not whether it is sound)."""

    def digests(self) -> set[str]:
        """Return the digests of all content (not whether it is sound)."""

    def remove(self, digest: str) -> None:
        """Remove content, if it is there."""


# Tasks: `nas.compute` runs them in this process, `workers.cluster` on Ray.


class Run(Iterator[Event], Protocol):
    """The events of a task, as it says them."""

    def close(self) -> None:
        """Cancel the task, if it has not ended; nothing of it runs on then.

        Another thread may wait for an event meanwhile, where the compute runs several tasks at once.
        """


class Compute(Protocol):
    """Runs tasks, here or elsewhere."""

    @property
    def at_once(self) -> int:
        """How many tasks of one process each it runs at a time; more than those take longer."""

    def run(self, task: Task) -> Run:
        """Return what a task says; close it where it is not wanted to its end. Several may run at a time.

        Raises:
            HwnasError: What the task raised, as it raised it.
            ComputeError: What ran the task failed: the same task may succeed when it is run again.
        """


# Jobs and their results: who asks, who works, who measures. `nas.store` implements these on a database.


class JobStore(Protocol):
    """For those who ask for jobs. Another tenant's job does not exist for them."""

    def submit(self, tenant: str, request: JobRequest, key: str = "") -> Job:
        """Queue a job; the same key with the same request gives the job of the first time."""

    def submit_once(self, tenant: str, request: JobRequest) -> tuple[Job, bool]:
        """Return the unfinished job of the same specification, or queue one; and whether it was there."""

    def get(self, tenant: str, job_id: str) -> Job:
        """Return a job. Raises UsageError `unknown_job`."""

    def page(
        self,
        tenant: str,
        *,
        kinds: Collection[JobKind] = (),
        states: Collection[JobState] = (),
        limit: int = 50,
        cursor: str | None = None,
    ) -> JobPage:
        """Return a page of jobs, newest first."""

    def events(self, tenant: str, job_id: str, after: int = 0, limit: int = 500) -> tuple[JobEvent, ...]:
        """Return events of a job after the one with that number, oldest first."""


class JobControl(Protocol):
    """For those who change their mind."""

    def request_cancel(self, tenant: str, job_id: str) -> Job:
        """Cancel a job: at once where nobody runs it, else its worker is told with its next renewal."""

    def resume(self, tenant: str, job_id: str) -> Job:
        """Queue a parked job again."""


class JobQueue(Protocol):
    """For workers. None of these writes anything for whoever has lost the lease."""

    def claim(
        self,
        worker: str,
        limit: int = 1,
        kinds: Collection[JobKind] = tuple(JobKind),
        device: str | None = None,
    ) -> list[Claim]:
        """Claim up to so many jobs that are due and may run on a device; called when the worker has room."""

    def renew(self, progress: Mapping[Lease, int]) -> dict[Lease, Renewal]:
        """Renew leases, each with its watermark.

        Called every `LeaseTimes.renew_every_ms`, from a thread that does nothing else.
        """

    def settle(self, lease: Lease, outcome: Outcome) -> JobState:
        """End an attempt; called once renewing has stopped. Raises LeaseLost."""

    def reap(self, limit: int = 100) -> Sequence[object]:
        """Take jobs from those who renew nothing or get no further; called by every worker now and then."""


class ResultStore(Protocol):
    """For the phases of a running job. Writing raises LeaseLost where the job is another's."""

    def save_document(self, lease: Lease, name: str, content: str) -> None:
        """Keep a document under a name, in place of the one before."""

    def document(self, tenant: str, job_id: str, name: str) -> str | None:
        """Return a document of a job, None where it has none of that name."""

    def name_artifact(self, lease: Lease, name: str, digest: str) -> None:
        """Keep an artifact, which is stored already, under a name of the job's."""

    def artifact(self, tenant: str, job_id: str, name: str) -> str | None:
        """Return the digest of a job's artifact of that name, None where there is none."""


class EventLog(Protocol):
    """For telling whoever watches a job."""

    def report(self, lease: Lease, kind: str, data: Mapping[str, Any]) -> None:
        """Append an event. Raises LeaseLost."""


class MeasurementQueue(Protocol):
    """For phases that need something measured."""

    def enqueue(self, lease: Lease, tasks: Sequence[MeasurementTask], owner: str = "") -> TaskReport:
        """Queue what has not been measured; the job waits for what is pending. Raises LeaseLost."""


class DeviceQueue(Protocol):
    """For whoever measures on a device."""

    def lease(self, device: str, worker: str) -> tuple[DeviceLease, tuple[Batch, ...]] | None:
        """Lease a device to measure all that is pending there; None where nothing is, or another measures."""

    def renew(self, lease: DeviceLease) -> None:
        """Keep the device. Raises LeaseLost."""

    def deliver(self, lease: DeviceLease, session: SessionResult) -> int:
        """Keep results of a session, each once; return how many were new. Raises LeaseLost."""

    def give_back(self, lease: DeviceLease) -> None:
        """End the lease; nothing happens where it has ended."""
