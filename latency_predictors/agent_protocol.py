"""Wire models between a device agent and the service: who it is, what it measures, what came of it.

The sessions in between are those of `latency_predictors.protocol`. `PROTOCOL` changes when an older agent
would misunderstand something; the service then refuses it with the command to update.
"""

import re
from dataclasses import replace
from typing import Annotated, Final

from pydantic import AfterValidator, Field, field_validator

from latency_predictors.abilities import PRECISIONS
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult, WireModel
from latency_predictors.wire_types import (
    ClassNumber,
    Count,
    Digest,
    Identifier,
    Number,
    Pause,
    ShortText,
    Shown,
    Text,
    UnitName,
    one_line,
)
from search_spaces.errors import UsageError

PROTOCOL: Final = 4
PROTOCOL_HEADER: Final = "hwnas-agent-protocol"
"""Header of every request of an agent: its version of these models."""

DEVICE_NAME: Final = r"^[a-z0-9][a-z0-9._-]{0,39}$"
"""What a device may be called in specifications."""

HOST: Final = "host"
"""What specifications call the machine of the worker: no device is registered under it."""

MAX_SUBJECTS: Final = 100
"""Files in one batch: its result stays a small body, and a board keeps few files."""

MAX_SCORED: Final = 10_000
"""Images that a file is scored on at most."""

MAX_MESSAGE: Final = 2_000
"""Characters that trouble is told in."""

MAX_CLOCK_SKEW_S: Final = 120.0
"""By how much the clock of a board may differ from the service's."""


def check_name(name: str) -> str:
    """Return a name that a board may have.

    Raises:
        UsageError: `invalid_device_name`.
    """
    if name == HOST or not re.fullmatch(DEVICE_NAME, name):
        raise UsageError(
            "invalid_device_name",
            f"'{name[:60]}' is no name of a board: give one of up to 40 small letters, digits, dots and "
            f"dashes, other than '{HOST}'",
        )
    return name


def _no_host(name: str) -> str:
    if name == HOST:
        raise ValueError(f"'{HOST}' is the machine of the worker")
    return name


BoardName = Annotated[str, Field(pattern=DEVICE_NAME), AfterValidator(_no_host)]


class Registration(WireModel):
    """A board introduces itself; again whenever its agent starts, and then nothing is new.

    Attributes:
        name: What specifications are to call it.
        instance: Of the agent, random, another one at each start.
        before: Those of earlier starts in the same folder, as far as the service may know the board by them.
        version: Of hwnas on the board.
        device: Facts of the hardware.
        unit: Which of several equal boards; empty where nothing tells it.
        runtimes: Versions of those that are installed, by name.
        power_mode: Governor and profile, as far as the system tells.
        system: Versions of kernel, distribution and interpreter.
        precisions: Arithmetic that it measures in.
        sensors: What it can tell of power and heat.
        cache_bytes: Room for files.
        clock_s: Its time, seconds since 1970.
        replays: Whose published latencies it answers with; empty, and not in the document, where it measures.
    """

    name: BoardName
    instance: Identifier
    before: Annotated[tuple[Identifier, ...], Field(max_length=16)] = ()
    version: ShortText
    device: Device
    unit: UnitName = ""
    runtimes: dict[ShortText, ShortText]
    power_mode: Text = ""
    system: Text = ""
    precisions: Annotated[tuple[Text, ...], Field(max_length=20)] = PRECISIONS
    sensors: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    cache_bytes: Number
    clock_s: float
    replays: Annotated[Text, Field(exclude_if=lambda text: not text)] = ""

    @field_validator("device")
    @classmethod
    def _ordinary(cls, device: Device) -> Device:
        texts = (device.cpu_model, device.architecture, device.os, *device.cpu_features)
        if len(device.label) > 200 or len(device.cpu_features) > 64 or any(len(one) > 100 for one in texts):
            raise ValueError("facts of a device are short texts")
        if device.registered or not (0 < device.num_cores < 2**16 and 0 <= device.memory_gib < 2**20):
            raise ValueError("no device has such facts")
        model, architecture, system = (one_line(one) for one in texts[:3])
        features = tuple(one_line(one) for one in device.cpu_features)
        return replace(device, cpu_model=model, architecture=architecture, os=system, cpu_features=features)


class Registered(WireModel):
    """What the service knows the board as.

    Attributes:
        name: As it is registered.
        device: With its identifier: sessions are of this device.
        asked: Number of the last request for work; the next one has a higher number.
        renew_every_s: How often a lease is renewed.
        quarantine: Why it gets no work; empty where it does.
    """

    name: Text
    device: Device
    asked: Annotated[int, Field(ge=0, lt=2**52)]
    renew_every_s: Annotated[Pause, Field(gt=0)]
    quarantine: Shown = ""


class Request(WireModel):
    """What every further request says.

    Attributes:
        instance: As registered: two boards with one key are told apart by it.
    """

    instance: Identifier


class WorkRequest(Request):
    """An agent asks for work.

    Attributes:
        number: Higher than that of the request before. The same number is the same request, and gets the same
            answer.
        clock_s: Its time, seconds since 1970.
    """

    number: Annotated[int, Field(ge=1, lt=2**53)]
    clock_s: float


class Work(WireModel):
    """Files that one series of sessions measures, under a lease.

    Attributes:
        lease: Names it in addresses.
        attempt: Number of the lease.
        context: How to run them.
        timing: How to time them.
        files: Their digests, by subject; each is checked before it runs.
        sessions: To be run, each a fresh process.
        reference_ms: Medians of the anchors that count as scale 1; empty before the first session.
        images: Digest of images, where the files are to be scored on them and not timed.
    """

    lease: Identifier
    attempt: Count
    context: ExecutionContext
    timing: TimingProtocol
    files: Annotated[dict[Digest, Digest], Field(min_length=1, max_length=MAX_SUBJECTS)]
    sessions: Annotated[int, Field(ge=1, le=1_000)]
    reference_ms: dict[str, float]
    images: Digest | None = None


class Score(WireModel):
    """What a file answers for images, on the board.

    Attributes:
        subject: Digest of the file.
        images: Digest of the images.
        classes: That it names, one an image, in their order.
    """

    subject: Digest
    images: Digest
    classes: Annotated[tuple[ClassNumber, ...], Field(min_length=1, max_length=MAX_SCORED)]


class WorkAnswer(WireModel):
    """What there is to do.

    Attributes:
        work: None where there is nothing.
        ask_again_s: Pause before the next request for work, where there is none.
        quarantine: Why there is nothing, where that is the board's fault.
    """

    work: Work | None
    ask_again_s: Pause
    quarantine: Shown = ""


class Heartbeat(Request):
    """A lease is kept; how far its work is.

    Attributes:
        attempt: Number of the lease.
        measured: Files, of
        to_measure: all, over all sessions.
    """

    attempt: Count
    measured: Count = 0
    to_measure: Count = 0


class Trouble(WireModel):
    """What kept files from being measured.

    Attributes:
        code: Stable, for programs.
        message: For people.
        context: How they were to run, and
        timing: how they were to be timed.
        subjects: Which.
        own: Whether it is each file's own doing; the board's, or its surroundings', if not.
        images: That they were to be scored on, if they were.
    """

    code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    message: Annotated[str, Field(max_length=MAX_MESSAGE), AfterValidator(one_line)]
    context: ExecutionContext
    timing: TimingProtocol
    subjects: Annotated[tuple[Digest, ...], Field(min_length=1, max_length=MAX_SUBJECTS)]
    own: bool = False
    images: Digest | None = None


class Delivery(Request):
    """What came of work: a session, a score, or trouble.

    Attributes:
        attempt: Number of the lease.
        context: Of a score.
    """

    attempt: Count
    session: SessionResult | None = None
    trouble: Trouble | None = None
    score: Score | None = None
    context: ExecutionContext | None = None


class Delivered(WireModel):
    """What the service has kept of it.

    Attributes:
        new: Results that were not there before.
    """

    new: int


class Nothing(WireModel):
    """An answer that says only that all is well."""
