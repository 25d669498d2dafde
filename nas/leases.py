"""Leases: the right to run a job for a while, and what whoever loses it is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nas.jobs import JobKind


@dataclass(frozen=True)
class LeaseTimes:
    """How long what holds.

    Attributes:
        lease_ms: A lease without renewal.
        stall_ms: A running job without progress.
    """

    lease_ms: int = 30_000
    stall_ms: int = 1_800_000

    @property
    def renew_every_ms(self) -> int:
        """How often to renew: two may be missed."""
        return self.lease_ms // 4

    @property
    def stop_after_ms(self) -> int:
        """When a worker whose renewals get no answer stops by itself, on its own clock."""
        return self.lease_ms * 4 // 5


@dataclass(frozen=True)
class Lease:
    """The right to write as a job's running attempt. Goes with every write.

    Attributes:
        job_id: Which job.
        tenant: Whose it is.
        attempt: Number of the claim; each has a higher one.
        token: Random, of this claim.
    """

    job_id: str
    tenant: str
    attempt: int
    token: str


@dataclass(frozen=True)
class Claim:
    """A job that is to be run now.

    Attributes:
        lease: Its right to write.
        kind: Which phases it has.
        spec: What was asked for.
        progress: Watermark that earlier attempts have reached.
        faults: By class, of all attempts before.
    """

    lease: Lease
    kind: JobKind
    spec: Mapping[str, Any]
    progress: int
    faults: Mapping[str, int]


class Renewal(StrEnum):
    """What a renewal is answered with."""

    RENEWED = "renewed"
    LOST = "lost"
    CANCEL_REQUESTED = "cancel_requested"


class LeaseLost(Exception):  # noqa: N818 - an ordinary answer, no error
    """Somebody else has the job, or it has ended: stop, write nothing, delete nothing.

    No `HwnasError`: nobody has done anything wrong, and no handler of those may take it for a fault.
    """
