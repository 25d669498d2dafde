"""Jobs as those see them who ask for them: requests, states, pages, events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.jobs import JobKind, JobState


@dataclass(frozen=True)
class JobRequest:
    """What is asked for.

    Attributes:
        kind: Of the job.
        spec: JSON, as the kind's own model writes it.
        name: For people.
        owner: Who asks.
    """

    kind: JobKind
    spec: Mapping[str, Any]
    name: str = ""
    owner: str = ""


@dataclass(frozen=True)
class Job:
    """A job as it stands.

    Attributes:
        attempt: Claims so far.
        progress: Watermark; its unit is the job's own.
        faults: By class, of all attempts.
        code: Stable code of the error that ended it or its last attempt; empty where there is none.
        message: Of that error.
        created_at_ms: By the database's clock, as all times.
        finished_at_ms: 0 where it has not ended.
    """

    id: str
    tenant: str
    owner: str
    kind: JobKind
    state: JobState
    name: str
    spec: Mapping[str, Any]
    worker: str
    attempt: int
    progress: int
    faults: Mapping[str, int]
    code: str
    message: str
    cancel_requested: bool
    created_at_ms: int
    changed_at_ms: int
    finished_at_ms: int


@dataclass(frozen=True)
class JobPage:
    """Some jobs, newest first.

    Attributes:
        jobs: Of this page.
        cursor: Of the next page; None where there is none.
    """

    jobs: tuple[Job, ...]
    cursor: str | None


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job.

    Attributes:
        id: Increases within a job, in the order of commits.
        attempt: That it belongs to.
        kind: For programs.
        data: JSON.
    """

    id: int
    attempt: int
    kind: str
    data: Mapping[str, Any]
    at_ms: int
