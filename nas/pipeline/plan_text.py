"""Plans as people read them."""

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.correction import ErrorReport
from nas.pipeline.plan import Plan
from nas.pipeline.planned_data import PlannedData
from nas.report.numbers import BYTES, duration, percent, with_unit
from nas.report.words import report_sentence

_OPEN: Final = "known once the device is profiled (`hwnas devices profile`); energy: in the search"

_NAMED: Final = 6
"""Classes that are listed by name."""


def plan_text(plan: Plan) -> RenderableType:
    """Draw the phases with their times, then what else is worth knowing."""
    table = Table("phase", "time", "what", box=None, show_footer=True)
    table.columns[0].footer = "in all"
    table.columns[1].footer = duration(plan.total_seconds)
    for phase in plan.phases:
        table.add_row(phase.name, duration(phase.seconds), phase.note)
    layers = f"{plan.num_layers} distinct layers, {plan.num_layers_missing} still to be measured"
    facts = [
        f"data      {_data(plan.data)}",
        f"space     {plan.num_architectures} combinations, {layers}",
        f"training  {plan.epochs} epochs",
        f"disk      {with_unit(plan.disk_bytes, BYTES)}",
        *_limits(plan.share_within_limits),
        *_trust(plan.reports),
    ]
    notes = [Text(f"note: {note}") for note in plan.notes]
    return Group(table, Text(), Text("\n".join(facts)), *notes)


def _data(data: PlannedData) -> str:
    names = data.class_names[:_NAMED]
    more = [f"and {len(data.class_names) - _NAMED:,} more"] if len(data.class_names) > _NAMED else []
    counts = f"{data.num_train:,} train, {data.num_validation:,} validation, {data.num_test:,} test"
    return f"{len(data.class_names):,} classes ({', '.join([*names, *more])}): {counts}"


def _limits(shares: tuple[float | None, ...]) -> list[str]:
    lines = []
    for number, share in enumerate(shares, 1):
        name = "limits    " if len(shares) == 1 else f"limits of target {number}: "
        lines.append(name + (_OPEN if share is None else f"{percent(share)} % of random networks keep them"))
    return lines


def _trust(reports: tuple[ErrorReport | None, ...]) -> list[str]:
    """Return how far the predicted latencies can be trusted, where that is known."""
    return [
        ("latency   " if len(reports) == 1 else f"latency of target {number}: ") + report_sentence(report)
        for number, report in enumerate(reports, 1)
        if report is not None
    ]
