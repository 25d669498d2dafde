"""How far the work is, on standard error: bars with the time left, or plain lines where it is no terminal."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from nas.pipeline.context import Progress
from nas.report.stages import Stage, next_stage

SECONDS_BETWEEN_LINES: Final = 10.0
"""Of one phase, where progress is told in plain lines."""

Clock = Callable[[], float]


class PlainProgress:
    """One line when a phase begins, every ten seconds, and when it ends."""

    def __init__(self, stream: TextIO, clock: Clock = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._stages: dict[str, Stage] = {}
        self._told_at: dict[str, float] = {}

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Tell how far a phase is, if it is time to."""
        now = self._clock()
        before = self._stages.get(phase)
        stage = self._stages[phase] = next_stage(before, now, phase, done, total, note)
        if before is not None and before.finished:
            return
        if before is None or stage.finished or now - self._told_at[phase] >= SECONDS_BETWEEN_LINES:
            self._told_at[phase] = now
            told = ", ".join(part for part in (_note(stage), _share(stage), stage.times(now)) if part)
            self._write(f"{phase}: {told}" if told else phase)

    def say(self, message: str) -> None:
        """Print a message."""
        self._write(message)

    def figures(self, kind: str, **values: Any) -> None:
        """Draw nothing: lines have no curves."""

    def _write(self, line: str) -> None:
        self._stream.write(line + "\n")
        self._stream.flush()


class BarProgress:
    """A bar for each phase, with the time left and what is being done."""

    def __init__(self, bars: Bars, clock: Clock = time.monotonic) -> None:
        self._bars = bars
        self._clock = clock
        self._tasks: dict[str, TaskID] = {}
        self._stages: dict[str, Stage] = {}

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        """Move the bar of a phase."""
        before = self._stages.get(phase)
        stage = self._stages[phase] = next_stage(before, self._clock(), phase, done, total, note)
        if phase not in self._tasks:
            # Without a total the bar pulses: the phase is at work before it can tell how far it is.
            self._tasks[phase] = self._bars.add_task(phase, total=None, stage=stage)
        known = total if done > 0.0 or note else None
        self._bars.update(self._tasks[phase], completed=done, total=known, stage=stage)

    def say(self, message: str) -> None:
        """Print a message above the bars."""
        self._bars.console.print(message, highlight=False, markup=False)

    def figures(self, kind: str, **values: Any) -> None:
        """Draw nothing: bars have no curves."""


class TimeColumn(ProgressColumn):
    """The time left of the stretch, or what the phase took."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Draw it."""
        stage: Stage = task.fields["stage"]
        return Text(stage.times(time.monotonic()), style="cyan", no_wrap=True)


class NoteColumn(ProgressColumn):
    """What is being done."""

    def render(self, task: Task) -> Text:
        """Draw it."""
        stage: Stage = task.fields["stage"]
        return Text(_note(stage), style="dim", no_wrap=True, overflow="ellipsis")


@contextmanager
def shown_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Show progress while the body runs; on standard error, so that answers can be piped on.

    Args:
        stream: Where to; standard error if not given.
    """
    console = Console(file=stream or sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainProgress(stream or sys.stderr)
        return
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeColumn(),
        NoteColumn(),
    )
    with Bars(*columns, console=console, expand=False) as bars:
        yield BarProgress(bars)


def _note(stage: Stage) -> str:
    return "" if stage.finished else stage.note


def _share(stage: Stage) -> str:
    # A phase that has just begun has nothing to show, one that is over says how long it took.
    if stage.finished or stage.done <= 0.0:
        return ""
    return f"{math.floor(100.0 * stage.done / stage.total)} %"
