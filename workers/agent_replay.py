"""The device that an agent serves from a file: what somebody published, in the place of what is measured.

Its hardware says so (`published`), and so does each of its sessions. What the file lacks is refused. Golden
subjects tell whether a board still is what it was, which nobody asks of a file: they count as unsupported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from latency_predictors.agent_protocol import Registration
from latency_predictors.device import ExecutionContext
from latency_predictors.golden import SUBJECTS
from latency_predictors.json_faults import problem
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult, Subject, SubjectFailure
from latency_predictors.replay import Trace, check_elsewhere, replay
from latency_predictors.runtimes import get_runtime
from latency_predictors.scoring import ScoringRequest
from latency_predictors.series_progress import OnProgress
from latency_predictors.wire_types import one_line
from search_spaces.errors import ArtifactError, MeasurementError
from workers.agent_means import Means

_MARK: Final = " (published)"


@dataclass(frozen=True)
class ReplayedBoard:
    """A board that a trace stands for."""

    trace: Trace

    @property
    def means(self) -> Means:
        """How it answers."""
        return Means(self.measure, self.name_classes)

    def facts(self) -> Mapping[str, Any]:
        """Return what it tells of itself, as `agent_board.board_facts` does of this machine."""
        device, context = self.trace.device, self.trace.context
        facts = {
            "cpu_model": device.cpu_model.removesuffix(_MARK) + _MARK,
            # Papers often do not tell how many there are: as many as were used.
            "num_cores": max(device.num_cores, context.threads),
            "registered": "",
        }
        return {
            "version": version("hwnas"),
            "device": replace(device, **facts),  # type: ignore[arg-type]
            "runtimes": {context.runtime: context.runtime_version},
            "power_mode": context.power_mode,
            "precisions": (context.precision,),
            "replays": self.trace.source[:200],
        }

    def measure(
        self,
        subjects: Sequence[Subject],
        context: ExecutionContext,
        timing: TimingProtocol,
        *,
        num_sessions: int,
        reference_ms: Mapping[str, float],
        on_progress: OnProgress,
    ) -> Iterator[SessionResult]:
        """Yield what was published of some subjects, in as many sessions as are asked for.

        Raises:
            MeasurementError: `context_unsupported` where the trace is of another context; once the others are
                served, as `replay`.
        """
        if context != self.trace.context:
            raise MeasurementError(
                "context_unsupported",
                f"what is served ran with {self.trace.context.label}, not with {context.label}: ask for that",
            )
        wanted = [one.digest for one in subjects]
        known = [digest for digest in wanted if digest in self.trace.latency_ms]
        checks = [digest for digest in wanted if digest in SUBJECTS and digest not in known]
        for number in range(num_sessions if known else 0):
            session = replay(self.trace, known, timing)
            # Whoever measures there next is told the reference of the session before.
            yield session.model_copy(update={"reference_ms": dict(reference_ms)})
            on_progress((number + 1) * len(known), num_sessions * len(known))
        if checks:
            yield _unchecked(replay(self.trace, (), timing), checks)
        replay(self.trace, [one for one in wanted if one not in checks], timing)

    def name_classes(self, request: ScoringRequest, on_progress: Callable[[int], object]) -> tuple[int, ...]:
        """Refuse to score.

        Raises:
            MeasurementError: `not_published`.
        """
        raise MeasurementError(
            "not_published",
            f"'{self.trace.source}' has latencies and runs no file: score it on this service's own machine",
        )


def replayed_board(path: Path) -> ReplayedBoard:
    """Return the board that a file stands for.

    Args:
        path: As `Trace.load` reads it.

    Raises:
        UsageError: `no_such_file` or `not_readable`; `unknown_runtime` where no search can ask for its
            runtime.
        ArtifactError: As `Trace.load`; `no_trace` where no device has such facts.
        MeasurementError: `replay_of_this_machine`.
    """
    trace = Trace.load(path)
    check_elsewhere(trace)
    get_runtime(one_line(trace.context.runtime)[:40])
    board = ReplayedBoard(trace)
    own = {"name": "board", "instance": "0" * 32, "cache_bytes": 0, "clock_s": 0.0}
    try:
        Registration.model_validate({**board.facts(), **own})
    except ValidationError as error:
        raise ArtifactError(
            "no_trace", f"{path.name} can stand for no board ({problem(error)}): correct it"
        ) from error
    return board


def _unchecked(session: SessionResult, subjects: Sequence[str]) -> SessionResult:
    why = "published figures do not change: nothing is checked"
    failures = (SubjectFailure(digest=one, code="unsupported_subject", message=why) for one in subjects)
    return session.model_copy(update={"failures": tuple(failures)})
