"""Jobs: their kinds and states, which change of state is legal, and what follows from how an attempt ended.

queued ──▶ running ──▶ succeeded | failed | cancelled | infeasible     for good
  ▲ ▲         │
  │ └─────────┼──────  a fault that is tried again, a drain, a lost lease
  │           ├─────▶ waiting   for measurements or another job's training; queued again when that is over
  └───────────┴─────▶ parked    faulted again and again; queued again by a person

Pure: the one place that decides. A store takes the states an `UPDATE` may start from out of `sources`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from search_spaces.atomic import FULL
from search_spaces.errors import (
    ArtifactError,
    ComputeError,
    HwnasError,
    MeasurementError,
    ResourceError,
    StoreError,
)


class JobKind(StrEnum):
    """What a job does; each kind has phases of its own. An import is over as it begins: a record, no work."""

    SEARCH = "search"
    PROFILE = "profile"
    EXPORT = "export"
    FINETUNE = "finetune"
    DATASET = "dataset"
    IMPORT = "import"


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INFEASIBLE = "infeasible"
    PARKED = "parked"


_ENDS: Final = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.INFEASIBLE, JobState.PARKED}
)
TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    JobState.RUNNING: frozenset({JobState.QUEUED, JobState.WAITING}) | _ENDS,
    JobState.WAITING: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.PARKED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.INFEASIBLE: frozenset(),
}
"""The legal changes of state. What leads nowhere is for good."""

TERMINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)


def sources(state: JobState) -> tuple[JobState, ...]:
    """Return the states that a job may come from into a state."""
    return tuple(before for before, following in TRANSITIONS.items() if state in following)


class Fault(StrEnum):
    """Why an attempt ended before its job did.

    `lost_node`: the worker, its node or its lease is gone. `no_cluster`: the Ray cluster to join is away.
    `stalled`: alive, but no further for too long. `bad_data`: what was asked for cannot be done, tried as
    often as you like. `poison`: known to end whoever tries it.
    """

    OUT_OF_MEMORY = "out_of_memory"
    DISK = "disk"
    CRASH = "crash"
    LOST_NODE = "lost_node"
    NO_CLUSTER = "no_cluster"
    STALLED = "stalled"
    MEASURING = "measuring"
    DATABASE = "database"
    BAD_DATA = "bad_data"
    POISON = "poison"


@dataclass(frozen=True)
class RetryPolicy:
    """What follows a fault of one class.

    Attributes:
        faults: That end the job when there was no progress between them, this one included.
        end: Where it goes then: `failed` for good, or `parked` for a person to look at.
        first_delay_ms: Before the second attempt; doubled for each further one.
        longest_delay_ms: Where doubling ends.
    """

    faults: int
    end: JobState
    first_delay_ms: int
    longest_delay_ms: int

    def delay_ms(self, faults: int) -> int:
        """Return how long to wait after so many faults without progress, from 1."""
        return int(min(self.first_delay_ms << min(faults - 1, 40), self.longest_delay_ms))


RETRIES: Final[Mapping[Fault, RetryPolicy]] = {
    # Once more, with one process at a time; and what else filled the memory may have ended by then.
    Fault.OUT_OF_MEMORY: RetryPolicy(2, JobState.FAILED, 5_000, 5_000),
    # Space comes back when somebody makes it: from half a minute to a quarter of an hour, two hours in all.
    Fault.DISK: RetryPolicy(12, JobState.PARKED, 30_000, 900_000),
    Fault.CRASH: RetryPolicy(3, JobState.PARKED, 2_000, 60_000),
    # More than for a crash: machines go for reasons that are not the job's.
    Fault.LOST_NODE: RetryPolicy(6, JobState.PARKED, 500, 60_000),
    # Until its operator has started it again, as a database.
    Fault.NO_CLUSTER: RetryPolicy(12, JobState.PARKED, 2_000, 300_000),
    Fault.STALLED: RetryPolicy(3, JobState.PARKED, 10_000, 60_000),
    # A restless device becomes quiet again.
    Fault.MEASURING: RetryPolicy(5, JobState.PARKED, 30_000, 600_000),
    Fault.DATABASE: RetryPolicy(12, JobState.PARKED, 2_000, 300_000),
    Fault.BAD_DATA: RetryPolicy(1, JobState.FAILED, 0, 0),
    Fault.POISON: RetryPolicy(1, JobState.PARKED, 0, 0),
}


_OF_COMPUTE: Final[Mapping[str, Fault]] = {
    "crash": Fault.CRASH,
    "out_of_memory": Fault.OUT_OF_MEMORY,
    "lost_node": Fault.LOST_NODE,
    "no_cluster": Fault.NO_CLUSTER,
    "disk": Fault.DISK,
    "cancelled": Fault.LOST_NODE,  # by nobody who was asked to: what ran it went away
}


def fault_of(error: BaseException) -> Fault:
    """Return the class of a fault by the error that ended an attempt."""
    match error:
        case MemoryError():
            return Fault.OUT_OF_MEMORY
        case ResourceError(code="out_of_memory"):
            return Fault.OUT_OF_MEMORY
        case ComputeError():
            return _OF_COMPUTE[error.fault]
        case ResourceError():
            return Fault.DISK
        case StoreError():
            return Fault.DATABASE
        case MeasurementError(code="file_not_loadable" | "unsupported_subject"):
            return Fault.BAD_DATA  # it was tried often enough
        case MeasurementError(code="runtime_missing" | "device_missing"):
            return Fault.BAD_DATA  # nobody installs it between two attempts
        case MeasurementError():
            return Fault.MEASURING
        case ArtifactError():
            return Fault.CRASH  # perhaps the next attempt finds an earlier generation, or makes it anew
        case HwnasError():
            return Fault.BAD_DATA
        case OSError() if error.errno in FULL:
            return Fault.DISK
    return Fault.CRASH


@dataclass(frozen=True)
class Succeeded:
    """The job is done."""


@dataclass(frozen=True)
class Waiting:
    """Something is missing that others make: measurements that the job has queued, or a supernet.

    Attributes:
        supernet: Which another job trains; empty where measurements are missing.
        devices: That nobody has registered yet.
    """

    supernet: str = ""
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Released:
    """The worker drains: the job goes on elsewhere, at once and at no cost."""


@dataclass(frozen=True)
class Cancelled:
    """The worker has stopped because it was asked to."""


@dataclass(frozen=True)
class Infeasible:
    """No network keeps the limits."""

    code: str
    message: str


@dataclass(frozen=True)
class Faulted:
    """The attempt ended with a fault."""

    fault: Fault
    code: str
    message: str


Outcome = Succeeded | Waiting | Released | Cancelled | Infeasible | Faulted
"""How an attempt ended."""


@dataclass(frozen=True)
class Verdict:
    """Where a job goes.

    Attributes:
        state: From `running`.
        delay_ms: Before it may be claimed again.
        faults: Without progress, from now on.
    """

    state: JobState
    delay_ms: int
    faults: int


def judge(outcome: Outcome, *, faults: int, cancel_requested: bool) -> Verdict:
    """Decide what follows an attempt.

    A job that was to be cancelled does not come back; one that got done before anybody looked is done.

    Args:
        outcome: How the attempt ended.
        faults: Without progress before this attempt.
        cancel_requested: Whether somebody has asked for that.
    """
    verdict = _next(outcome, faults)
    comes_back = verdict.state not in TERMINAL
    return Verdict(JobState.CANCELLED, 0, verdict.faults) if cancel_requested and comes_back else verdict


def _next(outcome: Outcome, faults: int) -> Verdict:
    match outcome:
        case Succeeded():
            return Verdict(JobState.SUCCEEDED, 0, faults)
        case Infeasible():
            return Verdict(JobState.INFEASIBLE, 0, faults)
        case Cancelled():
            return Verdict(JobState.CANCELLED, 0, faults)
        case Faulted(fault=fault):
            return _after_fault(fault, faults + 1)
        case Waiting():
            return Verdict(JobState.WAITING, 0, faults)
        case Released():
            return Verdict(JobState.QUEUED, 0, faults)


def _after_fault(fault: Fault, faults: int) -> Verdict:
    policy = RETRIES[fault]
    if faults >= policy.faults:
        return Verdict(policy.end, 0, faults)
    return Verdict(JobState.QUEUED, policy.delay_ms(faults), faults)
