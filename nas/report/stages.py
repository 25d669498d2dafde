"""How far a phase is, and the time it still takes: the same on a terminal and on a page."""

from dataclasses import dataclass, replace

from nas.report.numbers import duration


@dataclass(frozen=True)
class Stage:
    """One stretch of a phase whose units take about the same time each.

    Attributes:
        phase: Name of the phase.
        phase_started: When the phase was first heard of, seconds.
        started: When this stretch was.
        first_done: Units that were done then; what came before is not this process's speed.
        updated: When it was last heard of.
        finished: Whether the phase is over.
    """

    phase: str
    phase_started: float
    started: float
    first_done: float
    updated: float
    done: float
    total: float
    note: str = ""
    finished: bool = False

    def seconds_left(self, now: float) -> float | None:
        """Return the time left of this stretch at its mean speed; None while there is nothing to go by."""
        gained, elapsed = self.done - self.first_done, self.updated - self.started
        if gained <= 0.0 or elapsed <= 0.0:
            return None
        return max((self.total - self.done) * elapsed / gained - (now - self.updated), 0.0)

    def times(self, now: float) -> str:
        """Return the time it took, or the time left."""
        if self.finished:
            return f"took {duration(self.updated - self.phase_started)}"
        left = self.seconds_left(now)
        return "" if left is None else f"{duration(left)} left"


def next_stage(before: Stage | None, now: float, phase: str, done: float, total: float, note: str) -> Stage:
    """Return where a phase is now.

    Another total, or less done than before, begins another stretch; not a total that grows with what is done,
    as by what is done once more. The runner ends a phase by telling that all of it is done, without a note.
    """
    finished = done >= total and not note
    if before is not None and done >= before.done and 0 <= total - before.total <= done - before.done:
        now_at = replace(before, updated=now, done=done, total=total)
        return replace(now_at, note=note or before.note, finished=finished)
    began = now if before is None else before.phase_started
    return Stage(phase, began, now, done, now, done, total, note, finished)
