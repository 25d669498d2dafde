"""What has happened to a search, told from its events: how far it is, what was said, what is drawn."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from nas.job_records import JobEvent
from nas.jobs import JobState
from nas.ports import JobStore
from nas.report.stages import Stage, next_stage
from nas.store.bound import DEVICE_AWAY

LOG_LINES: Final = 400
"""The last ones that are shown; all of them are in the events."""

_STATES: Final = frozenset(JobState)
_REASONS: Final = {
    "submitted": "Submitted",
    "asked": "Cancelled before it was taken up",
    "ready": "What it waited for is there",
}


@dataclass(frozen=True)
class LogLine:
    """A line of the log.

    Attributes:
        level: `said`, `state` or `fault`.
    """

    at_ms: int
    attempt: int
    level: str
    text: str


@dataclass(frozen=True)
class Epoch:
    """An epoch of the supernet's training."""

    epoch: int
    epochs: int
    loss: float


@dataclass(frozen=True)
class Measured:
    """A network that was measured.

    Attributes:
        within_limits: Whether it keeps all limits.
        values: By objective.
    """

    name: str
    within_limits: bool
    values: Mapping[str, float]


@dataclass
class Story:
    """What is known by now.

    Attributes:
        last_id: Number of the last event.
        current: Phase that was heard of last; empty before the first.
        stages: How far each phase is.
        epochs: Of the supernet, by number: one that was trained again after a kill counts once.
        rounds: What was measured, by target, counted from 1, and round; what was known before is round 0.
        started_ms: When a worker first took it up; 0 before that.
        at_ms: Of the last event.
    """

    last_id: int = 0
    current: str = ""
    stages: dict[str, Stage] = field(default_factory=dict)
    log: list[LogLine] = field(default_factory=list)
    epochs: dict[int, Epoch] = field(default_factory=dict)
    rounds: dict[tuple[int, int], tuple[Measured, ...]] = field(default_factory=dict)
    started_ms: int = 0
    at_ms: int = 0
    _attempts: dict[str, int] = field(default_factory=dict)

    def take(self, event: JobEvent) -> None:
        """Take in the next event."""
        self.last_id, self.at_ms = event.id, event.at_ms
        data = event.data
        match event.kind:
            case "progress":
                self._progress(event)
            case "message":
                self._line(event, "said", str(data["text"]))
            case "epoch" if data["phase"] == "train":
                self.epochs[data["epoch"]] = Epoch(data["epoch"], data["epochs"], data["loss"])
            case "verified":
                self.rounds[data["target"], data["round"]] = tuple(_measured(one) for one in data["networks"])
            case kind if kind == DEVICE_AWAY:
                self._line(event, "fault", f"{kind}: {data['message']}")
            case kind if kind in _STATES:
                self._state(event)

    def networks(self, target: int) -> list[Measured]:
        """Return what was measured for a target, counted from 1, in the order of the rounds."""
        return [one for key in sorted(self.rounds) if key[0] == target for one in self.rounds[key]]

    def _progress(self, event: JobEvent) -> None:
        phase = str(event.data["phase"])
        done, total, note = event.data["done"], event.data["total"], str(event.data["note"])
        before = self.stages.get(phase)
        if before is not None and self._attempts[phase] != event.attempt:
            # The time until the next attempt says nothing about the speed: another stretch begins.
            before = replace(before, total=math.nan)
        self.current, self._attempts[phase] = phase, event.attempt
        self.stages[phase] = next_stage(before, event.at_ms / 1000, phase, done, total, note)

    def _state(self, event: JobEvent) -> None:
        if event.kind == JobState.RUNNING:
            self.started_ms = self.started_ms or event.at_ms
            self._line(
                event, "state", f"Worker {event.data.get('worker', '?')} runs it, attempt {event.attempt}"
            )
        elif "fault" in event.data:
            later = event.data.get("delay_ms", 0) / 1000
            again = f"; tried again in {later:g} s" if event.kind == JobState.QUEUED else ""
            told = f"{event.data.get('code', event.data['fault'])}: {event.data.get('message', '')}{again}"
            self._line(event, "fault", told)
        else:
            reason = str(event.data.get("reason", ""))
            self._line(event, "state", _REASONS.get(reason, event.kind.capitalize()))

    def _line(self, event: JobEvent, level: str, text: str) -> None:
        self.log.append(LogLine(event.at_ms, event.attempt, level, text))
        del self.log[:-LOG_LINES]


def read_story(jobs: JobStore, tenant: str, job_id: str) -> Story:
    """Return the story of a job so far."""
    return told(_events(jobs, tenant, job_id))


def told(events: Iterable[JobEvent]) -> Story:
    """Return the story that events tell, oldest first."""
    story = Story()
    for event in events:
        story.take(event)
    return story


def _events(jobs: JobStore, tenant: str, job_id: str) -> Iterator[JobEvent]:
    after = 0
    while found := jobs.events(tenant, job_id, after):
        yield from found
        after = found[-1].id


def _measured(one: Mapping[str, Any]) -> Measured:
    values = {name: value for name, value in one.items() if name not in ("name", "within_limits")}
    return Measured(str(one["name"]), bool(one["within_limits"]), values)
