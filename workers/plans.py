"""What a search would cost, as people read it."""

from pathlib import Path
from typing import Self

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.correction import ErrorReport
from nas.compute import InProcessCompute
from nas.pipeline.context import Surroundings
from nas.pipeline.plan import Plan, make_plan
from nas.pipeline.runner import open_search
from nas.report.numbers import BYTES, duration, percent, with_unit
from nas.report.words import report_sentence
from nas.settings import Settings
from nas.specs import load_spec
from nas.store.stores import opened_stores
from workers.progress import shown_progress


class DrawnPlan(Plan):
    """A plan that people can read."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        """Return a plan so that it can be drawn."""
        return cls.model_validate(plan.model_dump())

    def __rich__(self) -> RenderableType:
        """Draw the phases with their times, then what else is worth knowing."""
        table = Table("phase", "time", "what", box=None, show_footer=True)
        table.columns[0].footer = "in all"
        table.columns[1].footer = duration(self.total_seconds)
        for phase in self.phases:
            table.add_row(phase.name, duration(phase.seconds), phase.note)
        layers = f"{self.num_layers} distinct layers, {self.num_layers_missing} still to be measured"
        facts = [
            f"space     {self.num_architectures} combinations, {layers}",
            f"training  {self.epochs} epochs",
            f"disk      {with_unit(self.disk_bytes, BYTES)}",
            *_limits(self.share_within_limits),
            *_trust(self.reports),
        ]
        notes = [Text(f"note: {note}") for note in self.notes]
        return Group(table, Text(), Text("\n".join(facts)), *notes)


def plan_file(path: Path, settings: Settings) -> DrawnPlan:
    """Work out what the search that a file specifies would cost here; nothing is left behind.

    Raises:
        UsageError: `no_such_file`, `invalid_yaml` or `invalid_spec`.
        HwnasError: What keeps the search from starting, such as limits that cannot be met.
    """
    spec = load_spec(path)
    with opened_stores(settings) as stores, shown_progress() as progress:
        compute = InProcessCompute(stores.artifacts, settings.home)
        return DrawnPlan.of(make_plan(open_search(spec, Surroundings(settings, stores, compute, progress))))


def _limits(shares: tuple[float | None, ...]) -> list[str]:
    lines = []
    for number, share in enumerate(shares, 1):
        name = "limits    " if len(shares) == 1 else f"limits of target {number}: "
        known = "known once the device is profiled (`hwnas devices profile`)"
        lines.append(name + (known if share is None else f"{percent(share)} % of random networks keep them"))
    return lines


def _trust(reports: tuple[ErrorReport | None, ...]) -> list[str]:
    """Return how far the predicted latencies can be trusted, where that is known."""
    return [
        ("latency   " if len(reports) == 1 else f"latency of target {number}: ") + report_sentence(report)
        for number, report in enumerate(reports, 1)
        if report is not None
    ]
