"""What an agent works with: how files are timed, how they are scored, how trouble is told."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from pydantic import ValidationError

from latency_predictors.agent_protocol import MAX_MESSAGE, Score, Trouble, Work
from latency_predictors.device import ExecutionContext
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import FILE_ERRORS, SessionResult, Subject
from latency_predictors.scoring import ScoringRequest
from latency_predictors.series_progress import OnProgress
from search_spaces.errors import HwnasError, MeasurementError

_OWN: Final = (*FILE_ERRORS, "session_died")
"""What a file is to blame for where it is scored alone."""


class Measure(Protocol):
    """Measures files; `latency_predictors.session.run_sessions` does."""

    def __call__(
        self,
        subjects: Sequence[Subject],
        context: ExecutionContext,
        timing: TimingProtocol,
        *,
        num_sessions: int,
        reference_ms: Mapping[str, float],
        on_progress: OnProgress,
    ) -> Iterator[SessionResult]:
        """Yield sessions, each when it is over."""


class NameClasses(Protocol):
    """Names a class for each of some images; `latency_predictors.scoring.score` does."""

    def __call__(self, request: ScoringRequest, on_progress: Callable[[int], object]) -> tuple[int, ...]:
        """Return the classes that a file names."""


@dataclass(frozen=True)
class Means:
    """How a board measures and scores."""

    measure: Measure
    name_classes: NameClasses


def tellable(session: SessionResult) -> SessionResult:
    """Return a session that reads as it was written; a document has no way to say NaN.

    Raises:
        MeasurementError: `implausible_result`.
    """
    try:
        SessionResult.model_validate_json(session.model_dump_json())
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise MeasurementError(
            "implausible_result",
            f"session {session.session_id} was not kept: {where} is no number; look at board and runtime",
        ) from error
    return session


def scores(
    work: Work, subjects: Sequence[Subject], images: Path, means: Means, on_progress: OnProgress
) -> Iterator[tuple[str, Score | MeasurementError]]:
    """Yield the digest of each file of a batch, and what it answers for the images of the batch.

    Where it is the file's own fault that there is no answer, that comes in its place, and the others are
    scored: each has a process of its own, so one that dies says nothing of them.

    Args:
        work: The batch.
        subjects: Its files.
        images: As `latency_predictors.scoring.read_images` reads them.
        means: Of the board.
        on_progress: Told after some images how many files are done.

    Raises:
        HwnasError: What else keeps files from being scored: that one, and those after it.
    """
    assert work.images is not None
    for done, subject in enumerate(subjects):
        request = ScoringRequest(file=subject.path, images=images, context=work.context)

        def told(num_images: int, done: int = done) -> None:
            on_progress(done, len(subjects))

        try:
            classes = means.name_classes(request, told)
        except MeasurementError as error:
            if error.code not in _OWN:
                raise
            yield subject.digest, error
        else:
            yield subject.digest, Score(subject=subject.digest, images=work.images, classes=classes)


def trouble_of(work: Work, error: HwnasError, subjects: Collection[str], *, own: bool = False) -> Trouble:
    """Return what an error says of files of a batch.

    Args:
        work: The batch.
        error: What kept them from being measured or scored.
        subjects: Which.
        own: Whether it is each file's own doing.
    """
    return Trouble(
        code=error.code,
        message=error.message[:MAX_MESSAGE],
        context=work.context,
        timing=work.timing,
        subjects=tuple(subjects),
        own=own,
        images=work.images,
    )
