"""Files that jobs have measured, and stopwatches in the place of measuring processes."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.gate import GateRules
from latency_predictors.measure import LAYER_PROTOCOL, TimingProtocol
from latency_predictors.protocol import Conditions, SessionResult, Subject, SubjectFailure
from nas.pipeline.context import Surroundings
from nas.pipeline.jobs import ProfileContext
from nas.pipeline.measuring import measured
from nas.store.job_run import JobRun
from search_spaces.catalogue import get_space
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import session
from tests.nas.pipeline.sites import here
from workers import measuring

SPACE = get_space("nas_bench_201", preset="tiny", num_classes=4, in_channels=3)


def content_of(name: str) -> bytes:
    """What stands in a file."""
    return f"the file {name}".encode()


def artifact_of(name: str) -> str:
    """The digest of a file."""
    return hashlib.sha256(content_of(name)).hexdigest()


def subject_of(name: str) -> str:
    """What its results are stored under: as with layers, not the digest of the file."""
    return hashlib.sha256(name.encode()).hexdigest()


def asking_for(run: JobRun, around: Surroundings, *names: str) -> tuple[SessionResult, ...] | None:
    """What is measured of some files; None where they are queued still."""

    def write(name: str) -> Callable[[], str]:
        return lambda: around.stores.artifacts.put(content_of(name))

    ctx = ProfileContext(SPACE, around.stores, run, around.progress)
    return measured(ctx, here(), LAYER_PROTOCOL, {subject_of(name): write(name) for name in names})


def measured_by_hand(number: int, subjects: Sequence[str]) -> SessionResult:
    """A session on this host."""
    facts = {"device": host_device(), "context": host_context(), "timing": LAYER_PROTOCOL}
    return session(f"session-{number}", dict.fromkeys(subjects, 0.5)).model_copy(update=facts)


@dataclass
class FileStopwatch:
    """Stands for the sessions of this host.

    Attributes:
        asked: Digests of the subjects, one list a call.
        num_sessions: That were asked for, one number a call.
        dies_after: Sessions after which the process is ended that measures.
        refuses: Errors that end calls, in order; None for none.
        unsupported: Codes of subjects that cannot be measured.
        references: What the anchors were held against, one a call.
        gates: When sessions were to begin, one a call.
        logs: Of meters, one a call.
        repeats: Whether what was disturbed was to be measured again, one a call.
        num_repeated: Files of each session that are said to have been measured again.
        busy: Processors that other work keeps busy, more than is allowed; 0 for none.
        scale: How slow the anchors say that the host is.
    """

    asked: list[list[str]] = field(default_factory=list)
    num_sessions: list[int] = field(default_factory=list)
    dies_after: int = 1_000
    refuses: list[MeasurementError | None] = field(default_factory=list)
    unsupported: dict[str, str] = field(default_factory=dict)
    references: list[dict[str, float]] = field(default_factory=list)
    gates: list[GateRules | None] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)
    repeats: list[bool] = field(default_factory=list)
    num_repeated: int = 0
    busy: float = 0.0
    scale: float = 1.0
    _count: int = 0

    def __call__(
        self,
        subjects: Sequence[Subject],
        context: ExecutionContext,
        timing: TimingProtocol,
        *,
        lease_folder: Path,
        num_sessions: int,
        reference_ms: Mapping[str, float],
        on_progress: Callable[[int, int], None],
        gate: GateRules | None = None,
        meter_log: str = "",
        repeat: bool = True,
    ) -> Iterator[SessionResult]:
        digests = [subject.digest for subject in subjects]
        assert all(subject.path.suffix == ".onnx" for subject in subjects)
        self.asked.append(digests)
        self.num_sessions.append(num_sessions)
        self.references.append(dict(reference_ms))
        self.gates.append(gate)
        self.logs.append(meter_log)
        self.repeats.append(repeat)
        error = self.refuses.pop(0) if self.refuses else None
        if error is not None:
            raise error
        for number in range(num_sessions):
            if self._count == self.dies_after:
                raise KeyboardInterrupt
            on_progress(len(digests) * (number + 1) // num_sessions, len(digests))
            self._count += 1
            failed = [digest for digest in digests if digest in self.unsupported]
            digests = [digest for digest in digests if digest not in failed]
            told = [
                SubjectFailure(digest=digest, code=self.unsupported[digest], message="it is not tried again")
                for digest in failed
            ]
            found = measured_by_hand(self._count, digests)
            results = [
                one.model_copy(update={"num_repeats": int(i < self.num_repeated), "scale": self.scale})
                for i, one in enumerate(found.results)
            ]
            conditions = Conditions(busy=self.busy, too_busy=self.busy > 0.0)
            yield found.model_copy(
                update={"results": tuple(results), "failures": tuple(told), "conditions": conditions}
            )


@contextmanager
def queued_stopwatch(**how: Any) -> Iterator[FileStopwatch]:
    """Put a stopwatch in the place of measuring processes."""
    watch = FileStopwatch(**how)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "run_sessions", watch)
        yield watch


def void() -> MeasurementError:
    """What a restless host is told by."""
    return MeasurementError("session_void", "its speed jumps")


def later(seconds: float) -> Callable[[], float]:
    """A clock that is ahead."""
    monotonic = time.monotonic
    return lambda: monotonic() + seconds
