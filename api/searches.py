"""Past searches, as their folders have them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from nas.report.numbers import duration, percent
from nas.report.terminal import front_table, target_lines
from nas.report.terminal_plot import front_plot
from nas.report.words import front_sentence, where_sentence
from nas.results import Delivery, Document, SearchResult, TargetResult, VerifiedNetwork
from nas.settings import Settings
from nas.specs import SearchSpec
from nas.store.run_folder import RunFolder, find_run, list_runs
from search_spaces.errors import ArtifactError, UsageError

PHASES: Final = ("profile", "train", "predict", "verify", "references", "export")

State = Literal["finished", "unfinished", "damaged"]


class SearchLine(Document):
    """One search in a list.

    Attributes:
        phases_done: Names of the finished phases.
        num_points: Points of all its fronts.
        best_accuracy: On the images of verification, 0..1.
        fastest_ms: Measured median.
    """

    id: str
    state: State
    started_at: str
    dataset: str
    space: str
    phases_done: tuple[str, ...]
    num_points: int = 0
    best_accuracy: float | None = None
    fastest_ms: float | None = None


class SearchList(Document):
    """All searches, the last started last."""

    folder: Path
    searches: tuple[SearchLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line a search."""
        if not self.searches:
            return Text(f"No searches in {self.folder} yet. `hwnas demo` makes one in minutes.")
        table = Table("search", "started (UTC)", "data set", "space", "state", "front", box=None)
        for line in self.searches:
            started = line.started_at[:16].replace("T", " ")
            table.add_row(line.id, started, line.dataset, line.space, _state_text(line), _front_text(line))
        return table


class SearchDetails(Document):
    """One search: what was asked, how far it is, and everything it found once it is finished."""

    id: str
    state: State
    folder: Path
    started_at: str
    spec: SearchSpec
    phases_done: tuple[str, ...]
    report: Path | None
    result: SearchResult | None

    def __rich__(self) -> RenderableType:
        """Draw the outcome, the deliveries and where the time went."""
        lines = [f"{self.id}: {self.state}, started {self.started_at}", f"folder  {self.folder}"]
        if self.result is None:
            done = ", ".join(self.phases_done) or "none"
            lines.append(f"phases finished: {done}; `hwnas search` with the same specification goes on")
            return unbroken(lines)
        lines.append(f"report  {self.report}")
        for number, target in enumerate(self.result.targets, 1):
            lines.append(f"\nTarget {number}: {target.device_label} · {target.context_label}")
            lines.append(front_sentence(target.front))
        return Group(unbroken([*lines, ""]), _deliveries(self.result), Text(), _phases(self.result))


class Front(Document):
    """The verified front of one search for one target.

    Attributes:
        target_number: Counted from 1.
        networks: The published points, by latency.
        references: Stock networks, verified alike.
        deliveries: Those of this target.
        result: Everything that was found for the target; JSON has the above only.
    """

    search: str
    target_number: int
    device: str
    context: str
    limits: dict[str, float]
    networks: tuple[VerifiedNetwork, ...]
    references: tuple[VerifiedNetwork, ...]
    deliveries: tuple[Delivery, ...]
    result: Annotated[TargetResult, Field(exclude=True)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the front as a plot and as a table."""
        ascii_only = options.ascii_only
        yield Text(f"{self.search}, target {self.target_number}: {where_sentence(self.result)}")
        yield front_plot(self.result, self.references, width=options.max_width, ascii_only=ascii_only)
        if self.result.front:
            yield front_table(self.result, self.deliveries, ascii_only=ascii_only)
        yield unbroken(["", *target_lines(self.result)])


def list_searches(settings: Settings) -> SearchList:
    """Return all searches; a damaged folder is listed as such."""
    return SearchList(
        folder=settings.searches, searches=tuple(_line(run) for run in list_runs(settings.searches))
    )


def show_search(settings: Settings, name: str) -> SearchDetails:
    """Return one search.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`.
        ArtifactError: `damaged_file`.
    """
    run = find_run(settings.searches, name)
    report = run.path / "report.html"
    return SearchDetails(
        id=run.id,
        state="finished" if run.finished else "unfinished",
        folder=run.path,
        started_at=run.started_at(),
        spec=run.spec(),
        phases_done=_phases_done(run),
        report=report if report.is_file() else None,
        result=run.result() if run.finished else None,
    )


def show_front(settings: Settings, name: str, target_number: int) -> Front:
    """Return the verified front of a finished search.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search`, `search_not_finished` or `unknown_target`.
        ArtifactError: `damaged_file`.
    """
    result = find_run(settings.searches, name).result()
    index = target_index(result, target_number)
    target = result.targets[index]
    return Front(
        search=result.id,
        target_number=target_number,
        device=target.device_label,
        context=target.context_label,
        limits=dict(target.target.limits.items()),
        networks=target.front,
        references=result.references,
        deliveries=tuple(delivery for delivery in result.deliveries if delivery.target == index),
        result=target,
    )


def target_index(result: SearchResult, number: int) -> int:
    """Return the position of a target that is counted from 1.

    Raises:
        UsageError: `unknown_target`.
    """
    if not 1 <= number <= len(result.targets):
        raise UsageError(
            "unknown_target",
            f"search {result.id} has no target {number}; its targets are 1 to {len(result.targets)}",
        )
    return number - 1


def _line(run: RunFolder) -> SearchLine:
    try:
        spec = run.spec()
        result = run.result() if run.finished else None
    except ArtifactError:
        return SearchLine(
            id=run.id, state="damaged", started_at=run.started_at(), dataset="?", space="?", phases_done=()
        )
    front = [network for target in result.targets for network in target.front] if result else []
    return SearchLine(
        id=run.id,
        state="finished" if result else "unfinished",
        started_at=run.started_at(),
        dataset=spec.dataset.name,
        space=f"{spec.space.name}/{spec.space.preset}",
        phases_done=_phases_done(run),
        num_points=len(front),
        best_accuracy=max((network.accuracy.value for network in front), default=None),
        fastest_ms=min((network.latency.median_ms for network in front), default=None),
    )


def _phases_done(run: RunFolder) -> tuple[str, ...]:
    return tuple(phase for phase in PHASES if run.has(phase))


def _state_text(line: SearchLine) -> str:
    if line.state != "unfinished":
        return line.state
    return f"unfinished ({len(line.phases_done)} of {len(PHASES)} phases)"


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
    table = Table("phase", "time", box=None)
    for phase in result.phases:
        table.add_row(phase.name, duration(phase.seconds))
    return table


def unbroken(lines: Sequence[str]) -> Text:
    """Return lines that stay whole on narrow terminals: paths are there to be copied."""
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")
