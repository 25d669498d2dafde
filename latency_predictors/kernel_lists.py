"""Which kernels run whole networks, as the runtime tells: does a new version of it run the same ones?"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.device import ExecutionContext
from latency_predictors.protocol import Kernels, SessionResult, Subject
from latency_predictors.runtimes.runtime import Runtime
from search_spaces.errors import MeasurementError

ASKED_S: Final = 5.0
"""Seconds for which the runtime is asked in a session: each file is loaded once more."""


def kernels_of(
    subjects: Sequence[Subject], runtime: Runtime, context: ExecutionContext, clock: Callable[[], float]
) -> Iterator[Kernels]:
    """Yield what runs files, as many as `ASKED_S` allows; nothing of those that cannot be loaded.

    Smallest digest first: two batches that have files in common are asked about the same ones.

    Args:
        subjects: The files.
        runtime: Who is asked.
        context: How they are run.
        clock: Seconds.
    """
    until = clock() + ASKED_S
    for subject in sorted(subjects, key=lambda one: one.digest):
        if clock() >= until:
            return
        try:
            kinds = runtime.kernels(subject.path, context)
        except MeasurementError:
            continue  # the session has said so, or it runs all the same
        yield Kernels(digest=subject.digest, counts=dict(sorted(Counter(kinds).items())))


def told_kernels(sessions: Sequence[SessionResult]) -> dict[str, dict[str, int]]:
    """Return what ran files, by digest, as the last session told that was asked; nothing of other files."""
    results = (result for session in sessions for result in session.results)
    return {result.digest: result.kernels for result in results if result.kernels}


def num_compared(old: Sequence[CalibrationPoint], new: Sequence[CalibrationPoint]) -> tuple[int, int]:
    """Return how many networks are known with the kernels of two versions, and how many of them differ.

    Args:
        old: Measured with the old version. Earlier versions of hwnas told no kernels.
        new: Measured with the new one, likewise.
    """
    before = {point.digest: point.kernels for point in old if point.kernels}
    both = [point for point in new if point.kernels and point.digest in before]
    return len(both), sum(point.kernels != before[point.digest] for point in both)
