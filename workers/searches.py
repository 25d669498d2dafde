"""Searches in this process, from a specification to what the user reads at the end."""

import math
from importlib.resources import files
from pathlib import Path

import yaml
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from nas.pipeline.runner import run_search
from nas.report.terminal import show_search
from nas.results import Document, SearchResult
from nas.settings import Settings
from nas.specs import SearchSpec, load_spec, parse_spec
from workers.progress import shown_progress


class SearchOutcome(Document):
    """A finished search and where its files are."""

    id: str
    folder: Path
    report: Path
    result: SearchResult

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the fronts, then where the files are and how to go on."""
        yield Text()
        yield show_search(self.result, width=options.max_width, ascii_only=options.ascii_only)
        yield _closing(self)


def demo_spec() -> SearchSpec:
    """Return the specification of the demo, which is part of the package."""
    return parse_spec(yaml.safe_load(files("workers").joinpath("demo.yaml").read_text(encoding="utf-8")))


def search(spec: SearchSpec, settings: Settings) -> SearchOutcome:
    """Run a search here; goes on with an unfinished one of the same specification.

    Raises:
        HwnasError: Whatever keeps it from its end; what was finished is kept.
    """
    with shown_progress() as progress:
        result = run_search(spec, settings, progress)
    folder = settings.searches / result.id
    return SearchOutcome(id=result.id, folder=folder, report=folder / "report.html", result=result)


def search_file(path: Path, settings: Settings) -> SearchOutcome:
    """Run the search that a file specifies.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml` or `invalid_spec`.
        HwnasError: As `search`.
    """
    return search(load_spec(path), settings)


def _closing(outcome: SearchOutcome) -> Text:
    lines = [
        "",
        f"folder  {outcome.folder}",
        f"report  {outcome.report}",
        "",
        f"hwnas searches front {outcome.id}  draws the front again",
    ]
    front = outcome.result.targets[0].front
    if front:
        # A limit that the network in the middle of the front just keeps.
        limit_ms = _rounded_up(front[len(front) // 2].latency.upper_ms)
        command = f"hwnas export {outcome.id} --best --under latency_ms={limit_ms:g}"
        lines.append(f"{command}  delivers another network of it")
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def _rounded_up(value: float) -> float:
    """Return a positive value with two digits, not below it."""
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return round(math.ceil(value / step) * step, 12)
