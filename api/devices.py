"""Lookup tables: what has been measured of which device."""

from collections import Counter
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.searches import unbroken
from latency_predictors.correction import Correction, ErrorReport
from latency_predictors.device import Device, ExecutionContext, host_device
from latency_predictors.lookup_table import LookupTable
from nas.report.numbers import percent, plain
from nas.results import Document
from nas.settings import Settings
from search_spaces.errors import ArtifactError, UsageError


class TableLine(Document):
    """One table in a list.

    Attributes:
        name: Of its file, without the ending.
        this_machine: Whether it was measured here.
        damaged: Whether it cannot be read; everything below is then empty.
        num_spaces: Search spaces whose sums were calibrated on whole networks.
    """

    name: str
    this_machine: bool = False
    damaged: bool = False
    device: str = ""
    context: str = ""
    num_layers: int = 0
    num_spaces: int = 0
    last_measured: str = ""


class TableList(Document):
    """All tables of this installation."""

    folder: Path
    this_machine: str
    tables: tuple[TableLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw one line a table."""
        if not self.tables:
            return unbroken(
                [
                    f"this machine: {self.this_machine}",
                    f"Nothing measured yet in {self.folder}: `hwnas devices profile` does it, a search too.",
                ]
            )
        table = Table(box=None)
        table.add_column("table", no_wrap=True)
        for name in ("device", "context", "layers", "spaces", "last measured (UTC)"):
            table.add_column(name)
        for line in self.tables:
            if line.damaged:
                table.add_row(line.name, "damaged: remove the file and profile the device again")
                continue
            device = f"{line.device} (this machine)" if line.this_machine else line.device
            counts = (str(line.num_layers), str(line.num_spaces))
            measured = line.last_measured[:16].replace("T", " ")
            table.add_row(line.name, device, line.context, *counts, measured)
        return table


class SessionLine(Document):
    """One measuring session: a fresh process."""

    id: str
    started_at: str
    num_layers: int


class LayerLine(Document):
    """One measured layer."""

    signature: str
    median_ms: float
    rel_sd: float
    num_sessions: int
    suspect: bool


class Calibration(Document):
    """How sums over layers are turned into latencies for one search space, and how good that is."""

    space_digest: str
    created_at: str
    formula: str
    num_networks: int
    report: ErrorReport | None


class TableDetails(Document):
    """One table."""

    name: str
    file: Path
    device: Device
    device_digest: str
    device_label: str
    context: ExecutionContext
    context_label: str
    median_rel_sd: float
    sessions: tuple[SessionLine, ...]
    calibrations: tuple[Calibration, ...]
    layers: tuple[LayerLine, ...]

    def __rich__(self) -> RenderableType:
        """Draw what was measured, when, and how good the predictions from it are."""
        num_suspects = sum(layer.suspect for layer in self.layers)
        suspects = f", {num_suspects} suspect" if num_suspects else ""
        spread = f"sessions differ by {percent(self.median_rel_sd)} % (median)"
        head = unbroken(
            [
                f"device   {self.device_label}",
                f"         {' '.join(self.device.cpu_features)}",
                f"context  {self.context_label}",
                f"file     {self.file}",
                f"layers   {len(self.layers)} measured, {spread}{suspects}",
                "",
            ]
        )
        sessions = Table("session", "started (UTC)", "layers", box=None)
        for session in self.sessions:
            started = session.started_at[:19].replace("T", " ")
            sessions.add_row(session.id, started, str(session.num_layers))
        return Group(head, sessions, *(_calibration(one) for one in self.calibrations))


def list_tables(settings: Settings) -> TableList:
    """Return all tables, those of this machine first."""
    lines = [_line(path) for path in _files(settings)]
    ordered = sorted(lines, key=lambda line: (not line.this_machine, line.name))
    return TableList(folder=settings.tables, this_machine=host_device().label, tables=tuple(ordered))


def show_table(settings: Settings, name: str | None) -> TableDetails:
    """Return one table.

    Args:
        settings: Where tables are.
        name: As `list_tables` has it, or the start of it; None for this machine's.

    Raises:
        UsageError: `no_table`, `unknown_table` or `ambiguous_table`.
        ArtifactError: `damaged_table`.
    """
    path = _find(settings, name)
    table = LookupTable.load(path)
    starts = {
        value.session_id: value.measured_at for entry in table.entries.values() for value in entry.values
    }
    counts = Counter(value.session_id for entry in table.entries.values() for value in entry.values)
    return TableDetails(
        name=path.stem,
        file=path,
        device=table.device,
        device_digest=table.device.digest,
        device_label=table.device.label,
        context=table.context,
        context_label=table.context.label,
        median_rel_sd=table.median_rel_sd,
        sessions=tuple(
            SessionLine(id=session, started_at=starts[session], num_layers=counts[session])
            for session in table.session_ids
        ),
        calibrations=tuple(_calibrated(*item) for item in table.corrections.items()),
        layers=tuple(
            LayerLine(
                signature=entry.signature,
                median_ms=entry.median_ms,
                rel_sd=entry.rel_sd,
                num_sessions=entry.num_sessions,
                suspect=all(value.suspect for value in entry.values),
            )
            for entry in table.entries.values()
        ),
    )


def _files(settings: Settings) -> list[Path]:
    return sorted(settings.tables.glob("*.json"))


def _find(settings: Settings, name: str | None) -> Path:
    paths = _files(settings)
    if name is None:
        paths = [path for path in paths if not (line := _line(path)).damaged and line.this_machine]
        if not paths:
            raise UsageError(
                "no_table", "this machine has not been measured yet: run `hwnas devices profile`"
            )
        return max(paths, key=lambda path: path.stat().st_mtime)
    found = [path for path in paths if path.stem == name] or [p for p in paths if p.stem.startswith(name)]
    known = ", ".join(path.stem for path in found or paths) or "none yet"
    if not found:
        raise UsageError("unknown_table", f"no table '{name}' in {settings.tables}; tables are {known}")
    if len(found) > 1:
        raise UsageError("ambiguous_table", f"'{name}' may be any of {known}: write more of it")
    return found[0]


def _line(path: Path) -> TableLine:
    try:
        table = LookupTable.load(path)
    except ArtifactError:
        return TableLine(name=path.stem, damaged=True)
    dates = [value.measured_at for entry in table.entries.values() for value in entry.values]
    return TableLine(
        name=path.stem,
        this_machine=table.device.digest == host_device().digest,
        device=table.device.label,
        context=table.context.label,
        num_layers=len(table.entries),
        num_spaces=len(table.corrections),
        last_measured=max(dates, default=""),
    )


def _calibrated(space_digest: str, correction: Correction) -> Calibration:
    terms = [f"{plain(correction.a)} * sum"]
    if correction.b:
        terms.append(f"+ {plain(correction.b)} ms")
    if correction.c:
        terms.append(f"- {plain(correction.c)} ms * layers")
    return Calibration(
        space_digest=space_digest,
        created_at=correction.created_at,
        formula=" ".join(terms),
        num_networks=len(correction.points),
        report=correction.report,
    )


def _calibration(one: Calibration) -> RenderableType:
    head = f"\nspace {one.space_digest[:12]}: {one.formula}, fitted on {one.num_networks} networks"
    if one.report is None:
        return Text(f"{head}, too few for an error report")
    table = Table(
        "prediction (left out one by one)", "median error", "within 5 %", "rank correlation", box=None
    )
    forms = {
        "sum of layers": one.report.bare_sum,
        "a * sum + b": one.report.affine,
        "corrected sum, as used": one.report.corrected,
        "MACs": one.report.macs,
    }
    for name, errors in forms.items():
        figures = (
            f"{percent(errors.median_error)} %",
            f"{percent(errors.within_5)} %",
            f"{errors.spearman:.3f}",
        )
        table.add_row(name, *figures)
    interval = (
        f"{percent(one.report.level)} % intervals: ±{percent(one.report.median_half_width)} %, "
        f"{percent(one.report.coverage)} % of networks inside; networks repeat within "
        f"{percent(one.report.repeat_rel_sd)} %"
    )
    return Group(Text(head), table, Text(interval))
