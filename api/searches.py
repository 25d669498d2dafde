"""Searches as the database has them: what is asked for, how far they are, what they found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nas.job_records import Job
from nas.jobs import JobState
from nas.pipeline.deliver import deliver_search
from nas.pipeline.sites import ATTENDANCE, Attendance
from nas.report.costs import HEADS, cost_rows, cost_sentence, total_row
from nas.report.numbers import percent
from nas.report.words import front_sentence
from nas.results import SEARCH_PHASES, Document, SearchResult
from nas.settings import Settings
from nas.store.job_run import StoredJob
from nas.store.searches import all_searches, find_search
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import ArtifactError, ResourceError, UsageError

_NEXT: Final = {
    JobState.QUEUED: "a worker takes it as soon as it can: `hwnas worker` is one",
    JobState.WAITING: "it goes on once its device has measured: `hwnas worker` does that, or `hwnas agent`",
    JobState.PARKED: "mend the cause, then `hwnas searches resume` goes on where it was",
    JobState.CANCELLED: "`hwnas search` with the same specification takes what was trained and measured",
}
"""What a search in that state needs."""


class SearchLine(Document):
    """One search in a list.

    Attributes:
        started_at: When it was submitted.
        phases_done: Names of the finished phases.
        num_points: Points of all its fronts.
        error: What ended it, or its last attempt.
        best_accuracy: On the images of verification, 0..1.
        fastest_ms: Measured median.
    """

    id: str
    state: JobState
    started_at: str
    dataset: str
    space: str
    phases_done: tuple[str, ...]
    error: str = ""
    num_points: int = 0
    best_accuracy: float | None = None
    fastest_ms: float | None = None


class SearchList(Document):
    """All searches, the last submitted last."""

    searches: tuple[SearchLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line a search."""
        if not self.searches:
            return Text("No searches yet. `hwnas demo` makes one in minutes.")
        table = Table(box=None)
        # Whole on narrow terminals too: it is there to be copied.
        table.add_column("search", no_wrap=True, min_width=max(len(line.id) for line in self.searches))
        for name in ("submitted (UTC)", "data set", "space", "state", "front"):
            table.add_column(name)
        for line in self.searches:
            started = line.started_at[:16].replace("T", " ")
            table.add_row(line.id, started, line.dataset, line.space, _state_text(line), _front_text(line))
        return table


class SearchDetails(Document):
    """One search: what was asked, how far it is, and everything it found once it is finished.

    Attributes:
        spec: As it was submitted: one that this version no longer understands is shown too.
        error: What ended it or its last attempt, or why there is no report.
        report: In the folder of the search, which is written once.
        waits_for: Devices, each with how many files it is to measure and why it does not, if so.
        left_out: Devices that it went on without, each with why.
    """

    id: str
    state: JobState
    started_at: str
    spec: Mapping[str, Any]
    phases_done: tuple[str, ...]
    error: str
    report: Path | None
    result: SearchResult | None
    waits_for: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def __rich__(self) -> RenderableType:
        """Draw the outcome, the deliveries and where the time went."""
        lines = [f"{self.id}: {self.state}, submitted {self.started_at}"]
        if self.error:
            lines.append(self.error)
        if self.result is None:
            lines.append(f"phases finished: {', '.join(self.phases_done) or 'none'}")
            lines += [f"waits for {one}" for one in self.waits_for]
            lines += [f"without {one}" for one in self.left_out]
            if self.state in _NEXT:
                lines.append(_NEXT[self.state])
            return unbroken(lines)
        lines += [f"without {one}" for one in self.left_out]
        if self.report is not None:
            lines.append(f"report  {self.report}")
        for number, target in enumerate(self.result.targets, 1):
            lines.append(f"\nTarget {number}: {target.device_label} · {target.context_label}")
            lines.append(front_sentence(target.front))
        sentence = Text(cost_sentence(self.result))
        return Group(unbroken([*lines, ""]), _deliveries(self.result), Text(), _phases(self.result), sentence)


def list_searches(settings: Settings) -> SearchList:
    """Return all searches."""
    with opened_stores(settings) as stores:
        jobs = all_searches(stores, settings.tenant)
        return SearchList(searches=tuple(_line(stores, job) for job in jobs))


def show_search(settings: Settings, name: str) -> SearchDetails:
    """Return one search.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`.
        ArtifactError: `damaged_file`.
    """
    with opened_stores(settings) as stores:
        job = find_search(stores, settings.tenant, name)
        stored = stores.stored(job)
        result = stored.result() if stored.finished else None
        report, problem = _report(stored, settings.searches / job.id) if result else (None, "")
        return SearchDetails(
            id=job.id,
            state=job.state,
            started_at=stored.started_at(),
            spec=job.spec,
            phases_done=_phases_done(stored),
            error=_error(job) or problem,
            report=report,
            result=result,
            waits_for=_waits_for(stores, job),
            left_out=_left_out(stored),
        )


class Cancelled(Document):
    """A search that was to be cancelled.

    Attributes:
        state: `cancelled` at once where nobody runs it; `running` until its worker hears of it.
    """

    id: str
    state: JobState

    def __rich__(self) -> Text:
        """Say where it stands."""
        if self.state is JobState.RUNNING:
            return Text(f"search {self.id} is told to stop: its worker hears of it within seconds")
        return Text(f"search {self.id} is {self.state}")


def cancel_search(settings: Settings, name: str) -> Cancelled:
    """Cancel a search; one that has ended stays as it is.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`.
    """
    with opened_stores(settings) as stores:
        job = find_search(stores, settings.tenant, name)
        job = stores.jobs.request_cancel(settings.tenant, job.id)
    return Cancelled(id=job.id, state=job.state)


class Resumed(Document):
    """A parked search that was queued again."""

    id: str
    state: JobState

    def __rich__(self) -> Text:
        """Say what happens now."""
        return Text(f"search {self.id} is {self.state}: a worker goes on where it was")


def resume_search(settings: Settings, name: str) -> Resumed:
    """Queue a parked search again.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search` or `job_not_parked`.
    """
    with opened_stores(settings) as stores:
        job = find_search(stores, settings.tenant, name)
        job = stores.jobs.resume(settings.tenant, job.id)
    return Resumed(id=job.id, state=job.state)


def _report(stored: StoredJob, folder: Path) -> tuple[Path | None, str]:
    """Return the report of a finished search, made where nobody has watched its end; or why there is none."""
    report = folder / "report.html"
    try:
        if not report.is_file():
            deliver_search(stored, folder)
    except (ArtifactError, ResourceError, UsageError) as error:
        return None, f"{error.code}: {error.message}"
    return report, ""


def _line(stores: Stores, job: Job) -> SearchLine:
    stored, problem, result = stores.stored(job), "", None
    try:
        result = stored.result() if stored.finished else None
    except ArtifactError as error:
        problem = f"{error.code}: {error.message}"  # one that cannot be read does not hide the others
    front = [network for target in result.targets for network in target.front] if result else []
    space, dataset = job.spec.get("space", {}), job.spec.get("dataset", {})
    return SearchLine(
        id=job.id,
        state=job.state,
        started_at=stored.started_at(),
        # As it was stored: a specification that is no longer valid is listed too.
        dataset=str(dataset.get("name", "?")),
        space=f"{space.get('name', '?')}/{space.get('preset', '?')}",
        phases_done=_phases_done(stored),
        error=_error(job) or problem,
        num_points=len(front),
        best_accuracy=max((network.accuracy.value for network in front), default=None),
        fastest_ms=min((network.latency.value_ms for network in front), default=None),
    )


def _waits_for(stores: Stores, job: Job) -> tuple[str, ...]:
    if job.state is not JobState.WAITING:
        return ()
    return tuple(
        f"{one.device}: {one.pending} files" + (f" ({one.why})" if one.why else "")
        for one in stores.agent_queue.awaited(job.id)
    )


def _left_out(stored: StoredJob) -> tuple[str, ...]:
    if not stored.has(ATTENDANCE):
        return ()
    left_out = stored.load(ATTENDANCE, Attendance).left_out
    return tuple(f"{name} ({why})" for name, why in left_out.items())


def _error(job: Job) -> str:
    return f"{job.code}: {job.message}" if job.code else ""


def _phases_done(job: StoredJob) -> tuple[str, ...]:
    return tuple(phase for phase in SEARCH_PHASES if job.has(phase))


def _state_text(line: SearchLine) -> str:
    if line.state is JobState.SUCCEEDED:
        return f"{line.state}, {line.error.partition(':')[0]}" if line.error else str(line.state)
    return f"{line.state} ({len(line.phases_done)} of {len(SEARCH_PHASES)} phases)"


def _front_text(line: SearchLine) -> str:
    if line.best_accuracy is None or line.fastest_ms is None:
        return ""
    return f"{line.num_points} networks, from {line.fastest_ms:.3g} ms, up to {percent(line.best_accuracy)} %"


def _deliveries(result: SearchResult) -> Table:
    table = Table("delivered", "folder", "why", box=None)
    for delivery in result.deliveries:
        table.add_row(delivery.name, delivery.folder, delivery.why)
    return table


def _phases(result: SearchResult) -> Table:
    table = Table(*HEADS[: len(total_row(result))], box=None)
    for row in (*cost_rows(result), total_row(result)):
        table.add_row(*row)
    return table


def unbroken(lines: Sequence[str]) -> Text:
    """Return lines that stay whole on narrow terminals: paths are there to be copied."""
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")
