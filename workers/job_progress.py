"""How far a running job is: the watermark that keeps its lease, events for whoever watches, and its end."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from nas.pipeline.context import Progress
from nas.pipeline.images import STRETCHES

SECONDS_BETWEEN: Final = 0.5
"""Events of one phase, at first."""

SHARE_BETWEEN: Final = 0.01
"""Of the time that a job has run: one of days does not write an event each second."""

_UNIT: Final = 1_000_000

Clock = Callable[[], float]
Report = Callable[[str, dict[str, Any]], None]


@final
class JobProgress:
    """Told by phases how far they are; tells a queue (a number), watchers (events), and phases to stop.

    Args:
        phases: In order, for the watermark.
        reached: Watermark of earlier attempts.
        report: Appends an event to the job.
        check: Raises where the job is to be stopped: lost, cancelled, drained.
        clock: Seconds.
    """

    def __init__(
        self,
        phases: Sequence[str],
        reached: int,
        report: Report,
        check: Callable[[], None],
        clock: Clock = time.monotonic,
    ) -> None:
        self.watermark = reached
        self._numbers = {name: number for number, name in enumerate(phases)}
        self._report = report
        self._check = check
        self._clock = clock
        self._started = clock()
        self._told: tuple[str, float] = ("", 0.0)

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Raise the watermark, and tell watchers if it is time to."""
        self._check()
        if phase in STRETCHES:
            # No part of a phase, but a job that decodes gets further. What is told is kept and not told again
            # by whoever goes on: a job that fails at the same image again and again gets no further.
            self.watermark += 1 if done else 0
        else:
            share = min(done / total, 1.0) if total else 1.0
            reached = int(_UNIT * (self._numbers.get(phase, 0) + share))
            self.watermark = max(self.watermark, reached)
        now = self._clock()
        told, at = self._told
        pause = max(SECONDS_BETWEEN, SHARE_BETWEEN * (now - self._started))
        if phase != told or done >= total or now - at >= pause:
            self._told = (phase, now)
            self._report("progress", {"phase": phase, "done": done, "total": total, "note": note})

    def say(self, message: str) -> None:
        """Tell watchers a message."""
        self._check()
        self._report("message", {"text": message})

    def figures(self, kind: str, **values: Any) -> None:
        """Tell watchers figures."""
        self._check()
        self._report(kind, values)


@final
class Both:
    """Tells two."""

    def __init__(self, first: Progress, second: Progress) -> None:
        self._all = (first, second)

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Tell both."""
        for one in self._all:
            one.step(phase, done, total, note)

    def say(self, message: str) -> None:
        """Tell both."""
        for one in self._all:
            one.say(message)

    def figures(self, kind: str, **values: Any) -> None:
        """Tell both."""
        for one in self._all:
            one.figures(kind, **values)
