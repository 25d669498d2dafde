"""What is asked of a device's queue, and what it answers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from latency_predictors.device import Device, ExecutionContext
from latency_predictors.measure import TimingProtocol
from search_spaces.digests import sha256_json

CHECK_RANK: Final = 0
"""Of golden subjects: whether the device still is what it was is asked before anything else."""

FILE_RANK: Final = 3
"""Of whole networks, which a search waits for with a front almost there."""

TABLE_RANK: Final = 5
"""Of layers."""

UNABLE: Final = "context_unsupported"
"""A device cannot run what is asked of it."""

PASSING: Final[Mapping[str, str]] = {
    "machine_busy": "other work keeps it busy",
    "device_hot": "it is too hot",
    "not_enough_idle_cores": "other work uses its processors",
}
"""Troubles of a device that end by themselves, in words: whoever waits for what it measures waits on."""

LOST: Final = ("artifact_missing", "artifact_damaged")
"""The service has no sound file of what is to be measured: whoever asks again makes it anew."""

NO_DEADLINE_MS: Final = 2**53 - 1
"""Later than any deadline."""


@dataclass(frozen=True)
class MeasurementTask:
    """One file to be measured on a device.

    Attributes:
        subject: Digest that the result is stored under: of a layer or of a file.
        artifact: Digest of the file.
        sessions: Fresh processes that are to measure it.
        rank: The lower, the earlier.
        deadline_ms: When whoever asks wants to be done, milliseconds since 1970: among equals the nearest is
            measured first.
        images: Digest of the images that the file is to be scored on; it is timed where there are none.
    """

    device: Device
    context: ExecutionContext
    timing: TimingProtocol
    subject: str
    artifact: str
    sessions: int = 2
    rank: int = TABLE_RANK
    deadline_ms: int = NO_DEADLINE_MS
    images: str = ""

    @property
    def protocol(self) -> str:
        """SHA-256 of the timing, or of what scoring on those images is called."""
        return scoring_protocol(self.images) if self.images else protocol_digest(self.timing)


def protocol_digest(timing: TimingProtocol) -> str:
    """Return the SHA-256 of a way to time: results of another way are other results."""
    # Meters came later: what was measured without one before keeps its protocol. Whether somebody else's work
    # is waited out decides what counts, not what is measured.
    fields = dict(field for field in asdict(timing).items() if field != ("energy", False))
    del fields["undisturbed"]
    return sha256_json(fields)


def timed_alike(one: TimingProtocol, other: TimingProtocol) -> bool:
    """Return whether results of two ways to time count as those of one task."""
    return protocol_digest(one) == protocol_digest(other)


def scoring_protocol(images: str) -> str:
    """Return what stands in the place of a timing where files are scored on images."""
    return sha256_json({"scored on": images})


@dataclass(frozen=True)
class FailedTask:
    """A file that could not be measured, and why.

    Attributes:
        unsupported: Whether that is the file's own fault: it is not tried again in that context.
    """

    subject: str
    code: str
    message: str
    unsupported: bool = False


@dataclass(frozen=True)
class TaskReport:
    """Where tasks stand.

    Attributes:
        pending: To be measured still.
        done: Measured: their sessions are there.
        failed: Could not be measured; told once, and tried again when they are asked for again. What is
            unsupported is told every time and tried with another file only.
    """

    pending: int
    done: int
    failed: tuple[FailedTask, ...]


@dataclass(frozen=True)
class DeviceLease:
    """The right to measure on a device and to deliver for it.

    Attributes:
        device: Digest of the device.
        attempt: Number of the lease; each has a higher one.
        token: Random, of this lease.
    """

    device: str
    worker: str
    attempt: int
    token: str


@dataclass(frozen=True)
class Batch:
    """Tasks that one session can measure together.

    Attributes:
        artifacts: Digests of the files, by subject.
        sessions: Still to be run.
        reference_ms: Medians of the anchors that count as scale 1; empty before the first session.
        images: Digest of the images that the files are to be scored on; they are timed where there are none.
    """

    context: ExecutionContext
    timing: TimingProtocol
    artifacts: dict[str, str]
    sessions: int
    reference_ms: dict[str, float]
    images: str = ""

    @property
    def protocol(self) -> str:
        """As that of its tasks."""
        return scoring_protocol(self.images) if self.images else protocol_digest(self.timing)
