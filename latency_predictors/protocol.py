"""Wire models of measuring: what a session is asked for and what it answers.

A request is one JSON document, an answer is JSON lines: `started` for every measurement (so that progress can
be shown and a death can be blamed), `alive` now and then while a meter watches, a `segment` whenever there is
something to keep (so that a death loses little), `kernels` of some subjects where they are asked for, then
one `finished` or `failed`. `version` changes when a field does, unless it has a default.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from latency_predictors.device import Device, ExecutionContext
from latency_predictors.measure import Summary, TimingProtocol
from latency_predictors.wire_types import Count, Text, UnitName
from search_spaces.errors import MeasurementError

FILE_ERRORS: Final = ("file_not_loadable", "unsupported_subject")
"""Codes that are a file's own fault: in this context it is not measured, however often one tries."""


KernelCounts = Annotated[dict[Text, Count], Field(max_length=200)]
"""How many kernels of each kind run a file."""


class WireModel(BaseModel):
    """Frozen, and strict about fields it does not know."""

    # A number that is none is written as such: whoever reads it refuses it.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")


class Subject(WireModel):
    """A file to measure.

    Attributes:
        digest: What the result is stored under.
        path: The file, in the format of the context's runtime.
    """

    digest: str
    path: Path


class SubjectResult(WireModel):
    """One subject in one session.

    Attributes:
        digest: The subject's.
        summary: What was measured, as it was.
        scale: How slow the device was just then, from the anchors; 1 at the reference.
        suspect: Whether the anchors moved or disagreed, or it was disturbed itself, after repeats too.
        num_repeats: How often it was measured again because of that.
        kernels: What ran it, as the runtime tells; empty where it was not asked.
    """

    digest: str
    summary: Summary
    scale: float = Field(gt=0)
    suspect: bool
    num_repeats: int
    kernels: KernelCounts = Field(default_factory=dict, exclude_if=lambda counts: not counts)

    @property
    def median_ms(self) -> float:
        """The median, corrected for drift."""
        return self.summary.median_ms / self.scale


class AnchorReading(WireModel):
    """The anchors measured at one moment.

    Attributes:
        at_ns: When, on the session's monotonic clock.
        median_ms: By the anchor's digest.
    """

    at_ns: int
    median_ms: dict[str, float]


class Timed(WireModel):
    """One measurement of a subject, as it was, with what surrounds it.

    Attributes:
        digest: The subject's.
        at_ns: The middle of it, on the session's monotonic clock.
        summary: What was measured.
        before: The anchors before it.
        after: The anchors after it.
        moved: Whether the anchors moved or it was disturbed itself, after repeats too.
        num_repeats: How often it was measured again because of that.
    """

    digest: str
    at_ns: int
    summary: Summary
    before: AnchorReading
    after: AnchorReading
    moved: bool
    num_repeats: int


class SubjectFailure(WireModel):
    """A subject that was not measured, and why.

    Attributes:
        digest: The subject's.
        code: One of `FILE_ERRORS`.
        message: For people.
    """

    digest: str
    code: str
    message: str

    @classmethod
    def of(cls, digest: str, error: MeasurementError) -> "SubjectFailure":
        """Return what an error says of a subject."""
        return cls(digest=digest, code=error.code, message=error.message)


class Conditions(WireModel):
    """What was seen of the device before and after a session.

    Attributes:
        busy: Processors that other work kept busy just before it; None where that cannot be read.
        too_busy: Whether that was more than the rule allows.
        temperature_c: Of the processor just before it; None where that cannot be read.
        num_throttles: How often heat slowed the processor down meanwhile.
    """

    busy: float | None = None
    too_busy: bool = False
    temperature_c: float | None = None
    num_throttles: int = 0

    @property
    def disturbed(self) -> bool:
        """Whether everything that was measured then is suspect."""
        return self.too_busy or self.num_throttles > 0


class SessionRequest(WireModel):
    """What one session is to do.

    Attributes:
        version: Of these models.
        context: How to run.
        timing: How to time.
        subjects: What to measure.
        anchors: Fixed networks that tell how fast the device is just then, by the first of them.
        reference_ms: Medians of the anchors that count as scale 1; empty: those at rest in this session.
        seed: Of the random order.
        meter_log: File that a meter of the user's writes, for energies; the device's own meters if empty.
        repeat: Whether what was disturbed is measured again; it is kept as suspect at once if not.
        kernels: Whether the runtime is asked, behind all that is measured, which kernels run the subjects.
    """

    version: Literal[1] = 1
    context: ExecutionContext
    timing: TimingProtocol
    subjects: tuple[Subject, ...]
    anchors: tuple[Subject, ...]
    reference_ms: dict[str, float]
    seed: int
    meter_log: str = ""
    repeat: bool = True
    kernels: bool = False


class Started(WireModel):
    """A measurement begins."""

    event: Literal["started"] = "started"
    digest: str


class Alive(WireModel):
    """The measurement that has begun goes on."""

    event: Literal["alive"] = "alive"


class Segment(WireModel):
    """What was measured between two readings of the anchors.

    Attributes:
        timed: What is kept of it; what is measured again is not.
        failures: What cannot be measured.
        readings: Of the anchors, since the segment before.
    """

    event: Literal["segment"] = "segment"
    timed: tuple[Timed, ...]
    failures: tuple[SubjectFailure, ...]
    readings: tuple[AnchorReading, ...]


class Kernels(WireModel):
    """What runs a subject, as the runtime tells."""

    event: Literal["kernels"] = "kernels"
    digest: str
    counts: KernelCounts


class Finished(WireModel):
    """All is measured."""

    event: Literal["finished"] = "finished"
    cpus: tuple[int, ...]


class Failed(WireModel):
    """The session cannot go on, for a reason that a user can act on."""

    event: Literal["failed"] = "failed"
    code: str
    message: str


Line = Started | Alive | Segment | Kernels | Finished | Failed
LINE: TypeAdapter[Line] = TypeAdapter(Annotated[Line, Field(discriminator="event")])
"""Reads one line of an answer."""


class SessionResult(WireModel):
    """One session, with where and how it ran.

    Attributes:
        version: Of these models.
        session_id: Unique.
        started_at: UTC, ISO 8601; empty where nothing ran and only a day or a year is known.
        device: Where.
        context: How.
        timing: How it was timed.
        cpus: Logical processors it was pinned to; empty where the system cannot pin.
        results: One for each subject that was measured, in that order.
        readings: The anchors over the session.
        reference_ms: Medians of the anchors that counted as scale 1.
        failures: One for each subject that cannot be measured.
        conditions: What was seen of the device.
        provenance: `published` where the values were read from what somebody published, and nothing ran.
        unit: Which unit of the device; empty where nothing tells it.
    """

    version: Literal[1] = 1
    session_id: str
    started_at: str
    device: Device
    context: ExecutionContext
    timing: TimingProtocol
    cpus: tuple[int, ...]
    results: tuple[SubjectResult, ...]
    readings: tuple[AnchorReading, ...]
    reference_ms: dict[str, float]
    failures: tuple[SubjectFailure, ...] = ()
    conditions: Conditions = Conditions()
    provenance: Literal["measured", "published"] = "measured"
    unit: UnitName = ""
