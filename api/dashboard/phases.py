"""The phases of a search as a page shows them: what each is for, how far it is, how long it still takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from api.dashboard.story import Story
from nas.job_records import Job
from nas.jobs import TERMINAL, JobState
from nas.report.numbers import duration
from nas.report.stages import Stage
from nas.results import SEARCH_PHASES
from nas.store.awaited import Awaited

LABELS: Final = {
    "profile": "Measure the device",
    "train": "Train the supernet",
    "predict": "Learn accuracies",
    "verify": "Search and verify",
    "finetune": "Fine-tune",
    "references": "Stock networks",
    "export": "Deliver",
}
assert tuple(LABELS) == SEARCH_PHASES

Standing = Literal["done", "now", "waiting", "stopped", "to come", "not reached", "left out"]


@dataclass(frozen=True)
class Phase:
    """One phase.

    Attributes:
        share: That is done, 0..1.
        times: What it took, or the time left; empty where that is not known.
        note: What is being done.
    """

    name: str
    label: str
    standing: Standing
    share: float
    times: str
    note: str


def phases(job: Job, story: Story, now_s: float, awaited: Sequence[Awaited] = ()) -> tuple[Phase, ...]:
    """Return all phases of a search in their order.

    Args:
        job: The search.
        story: What has happened to it.
        now_s: Seconds since 1970.
        awaited: The devices that it waits for.
    """
    measuring = _measuring(job, story, now_s, awaited)
    found = (_phase(job, story, name, now_s) for name in SEARCH_PHASES)
    return tuple(measuring if measuring and one.name == measuring.name else one for one in found)


def _measuring(job: Job, story: Story, now_s: float, awaited: Sequence[Awaited]) -> Phase | None:
    """Return the phase that waits for measurements as far as its devices are; None where none measures."""
    done, total = sum(one.measured for one in awaited), sum(one.to_measure for one in awaited)
    if job.state is not JobState.WAITING or story.current not in LABELS or not total:
        return None
    since = job.changed_at_ms / 1000
    stage = Stage(story.current, since, since, 0, now_s, done, total)
    times, note = _left_text(stage, now_s), f"measuring, {done:,} of {total:,}"
    return Phase(story.current, LABELS[story.current], "waiting", done / total, times, note)


def in_words(job: Job, found: tuple[Phase, ...]) -> str:
    """Return where a search stands in few words: read out when they change, so not with every percent."""
    at = next((phase for phase in found if phase.standing in ("now", "waiting")), None)
    if at is None or job.state in TERMINAL:
        return f"The search is {job.state}."
    if at.standing == "waiting":
        return f"{at.label}: waiting."
    tens = int(10 * at.share) * 10
    return f"{at.label}: {tens} % done." if tens else f"{at.label} has begun."


def _phase(job: Job, story: Story, name: str, now_s: float) -> Phase:
    stage, label = story.stages.get(name), LABELS[name]
    if _left_out(job.spec, name):
        return Phase(name, label, "left out", 0.0, "", "")
    if stage is None:
        standing: Standing = "not reached" if job.state in TERMINAL else "to come"
        return Phase(name, label, standing, 0.0, "", "")
    if stage.finished:
        reused = name == "train" and not story.epochs
        times = "taken over from an earlier search" if reused else stage.times(now_s)
        return Phase(name, label, "done", 1.0, times, "")
    share = min(max(stage.done / stage.total, 0.0), 1.0) if stage.total else 0.0
    if job.state is JobState.RUNNING:
        return Phase(name, label, "now", share, _left_text(stage, now_s), stage.note)
    if job.state in (JobState.WAITING, JobState.QUEUED):
        return Phase(name, label, "waiting", share, "", stage.note)
    return Phase(name, label, "stopped", share, "", stage.note)


def _left_text(stage: Stage, now_s: float) -> str:
    left = stage.seconds_left(now_s)
    return "" if left is None else f"about {duration(left)} left"


def _left_out(spec: Any, name: str) -> bool:
    """Whether nobody has asked for a phase."""
    if name == "finetune":
        return not spec.get("finetune", {}).get("share")
    return name == "references" and not spec.get("references")
