"""A search of seconds: real but for the stopwatch, whose figures are worked out from the files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import pytest

from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult, Subject
from nas.pipeline import measuring
from nas.pipeline.context import PhaseContext
from nas.pipeline.runner import open_context
from nas.settings import Settings
from nas.specs import SearchSpec, parse_spec
from nas.store.run_folder import RunFolder, start_run
from tests.latency_predictors.sessions import session

DOCUMENT: dict[str, Any] = {
    "space": {"name": "nas_bench_201", "preset": "tiny"},
    "dataset": {
        "name": "shapes",
        "num_train": 120,
        "num_validation": 80,
        "num_test": 60,
        "num_classes": 4,
        "size": 16,
        "difficulty": 0.1,
    },
    "supernet": {"epochs": 2},
    "search": {"evaluations": 300},
    "verify": {"candidates": 6, "rounds": 2},
    "export": {"points": 2},
    "references": ["resnet"],
}


def small_spec(**changes: object) -> SearchSpec:
    """The specification of the small search with some parts replaced."""
    return parse_spec({**DOCUMENT, **changes})


@dataclass
class Recorder:
    """Progress that is remembered."""

    steps: list[tuple[str, float, float, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        self.steps.append((phase, done, total, note))

    def say(self, message: str) -> None:
        self.said.append(message)


@dataclass
class Stopwatch:
    """Stands for the sessions of a device: answers from what the files hold and remembers what it was asked.

    Attributes:
        asked: Digests of the subjects, one list a call.
    """

    asked: list[list[str]] = field(default_factory=list)

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
    ) -> list[SessionResult]:
        self.asked.append([subject.digest for subject in subjects])
        medians = {subject.digest: file_ms(subject.path) for subject in subjects}
        on_progress(len(subjects), len(subjects))
        facts = {"device": host_device(), "context": context, "timing": timing}
        return [
            session(f"session-{len(self.asked)}-{number}", medians, spread=0.01).model_copy(update=facts)
            for number in range(num_sessions)
        ]


def file_ms(path: Path) -> float:
    """Milliseconds that a file is said to take: by its nodes and its weights."""
    return 0.004 * len(onnx.load(path).graph.node) + path.stat().st_size / 2e6


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Put the stopwatch in the place of measuring processes."""
    watch = Stopwatch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "run_sessions", watch)
        yield watch


def context(home: Path, run: RunFolder | None = None, **changes: object) -> PhaseContext:
    """What the phases of a small search are given; without a folder of a search, a new one is started."""
    spec, settings = small_spec(**changes), Settings(home=home)
    return open_context(spec, settings, Recorder(), run or start_run(settings.searches, spec))
