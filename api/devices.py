"""Lookup tables: what has been measured of which device."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from api.boards import BoardLine, board_lines, drawn
from api.calibrations import Calibration, calibration_of
from api.few_shot_lines import FewShotLine, drawn_models, few_shot_lines
from api.searches import unbroken
from api.table_names import find_table, table_name
from latency_predictors.device import Device, ExecutionContext, host_device, layer_ranges
from latency_predictors.meters import find_meters
from latency_predictors.probes import RuntimeGraph
from latency_predictors.shared_table import Provenance
from latency_predictors.table_entry import EntryKind
from latency_predictors.trust import State
from nas.report.numbers import percent
from nas.report.trust import doubt_sentences
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from nas.store.table_store import TableKey
from search_spaces.errors import ArtifactError

_SETTLING: Final = "; `hwnas devices profile` on a later day measures again what is provisional"


class TableLine(Document):
    """One table in a list.

    Attributes:
        name: Digests of device and context, shortened.
        this_machine: Whether it was measured here.
        imported: Whether it came from another installation.
        damaged: Whether it cannot be read; everything below is then empty.
        num_spaces: Search spaces whose sums were calibrated on whole networks.
        states: How many layers are in which state.
    """

    name: str
    this_machine: bool = False
    imported: bool = False
    damaged: bool = False
    device: str = ""
    context: str = ""
    num_layers: int = 0
    num_spaces: int = 0
    states: dict[State, int] = Field(default_factory=dict)
    last_measured: str = ""


class TableList(Document):
    """All tables of this installation, the boards, and the models of few whole networks."""

    this_machine: str
    tables: tuple[TableLine, ...]
    boards: tuple[BoardLine, ...] = ()
    few_shot: tuple[FewShotLine, ...] = ()

    def __rich__(self) -> RenderableType:
        """Draw the boards that are registered, then one line a table."""
        boards = drawn(self.boards) if self.boards else Text(end="")
        models = [drawn_models(self.few_shot, named=True)] if self.few_shot else []
        if not self.tables:
            what = "No table" if models else "Nothing measured"
            nothing = [
                f"this machine: {self.this_machine}",
                f"{what} yet: `hwnas devices profile` does it, a search too.",
            ]
            return Group(boards, unbroken(nothing), *models)
        table = Table(box=None)
        table.add_column("table", no_wrap=True)
        for name in ("device", "context", "layers", "state", "spaces", "last measured (UTC)"):
            table.add_column(name)
        for line in self.tables:
            if line.damaged:
                table.add_row(line.name, "damaged: profile the device again")
                continue
            mark = " (this machine)" if line.this_machine else " (imported)" if line.imported else ""
            device = f"{escape(line.device)}{mark}"
            counts = (str(line.num_layers), _stated(line.states), str(line.num_spaces))
            measured = line.last_measured[:16].replace("T", " ")
            table.add_row(line.name, device, escape(line.context), *counts, measured)
        return Group(boards, table, *models)


class SessionLine(Document):
    """One measuring session: a fresh process on one unit; the unit is empty where nothing tells it."""

    id: str
    started_at: str
    num_layers: int
    unit: str


class LayerLine(Document):
    """One layer.

    Attributes:
        state: How far the value can be trusted; see `latency_predictors.trust`.
        stale: Whether another version of the runtime measured it, and nobody has checked that it still holds.
        origin: Digest of the context that it was measured in, where that is another version's.
    """

    signature: str
    median_ms: float
    rel_sd: float
    num_sessions: int
    state: State
    kind: EntryKind
    stale: bool
    origin: str


class TableDetails(Document):
    """One table.

    Attributes:
        imported: Where it comes from; None where this installation measured it.
        meters: Of energy on this machine, and why others are absent; empty for another machine's table.
        ranges_from: What the ranges of its quantised layers were taken over, in words; empty for fp32.
    """

    name: str
    device: Device
    device_digest: str
    device_label: str
    context: ExecutionContext
    context_label: str
    median_rel_sd: float
    graph: RuntimeGraph | None
    sessions: tuple[SessionLine, ...]
    calibrations: tuple[Calibration, ...]
    layers: tuple[LayerLine, ...]
    imported: Provenance | None = None
    meters: tuple[str, ...] = ()
    ranges_from: str = ""

    def __rich__(self) -> RenderableType:
        """Draw what was measured, when, and how good the predictions from it are."""
        states = dict(Counter(layer.state for layer in self.layers).most_common())
        num_kept = sum(bool(layer.origin) and not layer.stale for layer in self.layers)
        kept = f", {num_kept} kept from another version" if num_kept else ""
        spread = f"sessions differ by {percent(self.median_rel_sd)} % (median)"
        head = unbroken(
            [
                f"device   {self.device_label}",
                f"         {' '.join(self.device.cpu_features)}",
                f"context  {self.context_label}",
                f"layers   {len(self.layers)} measured, {spread}{kept}",
                *(
                    [f"         each quantised alone, its ranges from {self.ranges_from}"]
                    if self.ranges_from
                    else ()
                ),
                f"state    {_stated(states)}{_SETTLING if 'provisional' in states else ''}",
                *(f"         {sentence}" for sentence in doubt_sentences(states)),
                f"runtime  {self.graph.label if self.graph else 'was not probed'}",
                *([_imported(self.imported)] if self.imported else ()),
                "",
            ]
        )
        sessions = Table("session", "started (UTC)", "layers", "unit", box=None)
        for session in self.sessions:
            started = session.started_at[:19].replace("T", " ")
            facts = (session.id, started, str(session.num_layers), session.unit)
            sessions.add_row(*map(escape, facts))
        meters = unbroken(["", *(f"energy   {meter}" for meter in self.meters)])
        return Group(head, sessions, *self.calibrations, meters)


def list_tables(settings: Settings) -> TableList:
    """Return all tables, those of this machine first."""
    with opened_stores(settings) as stores:
        lines = table_lines(stores, stores.tables.published())
        boards = board_lines(stores, settings.tenant)
        few_shot = few_shot_lines(stores, settings.tenant)
    ordered = sorted(lines, key=lambda line: (not line.this_machine, line.name))
    return TableList(
        this_machine=host_device().label, tables=tuple(ordered), boards=boards, few_shot=few_shot
    )


def show_table(settings: Settings, name: str | None) -> TableDetails:
    """Return one table.

    Args:
        settings: Where tables are.
        name: As `list_tables` has it, or the start of it; None for this machine's.

    Raises:
        UsageError: `no_table`, `unknown_table` or `ambiguous_table`.
        ArtifactError: `damaged_table`, `artifact_missing` or `artifact_damaged`.
    """
    with opened_stores(settings) as stores:
        return table_details(stores, find_table(stores, name))


def table_lines(stores: Stores, keys: Sequence[TableKey]) -> list[TableLine]:
    """Return a line for each of some tables."""
    return [_line(stores, key) for key in keys]


def table_details(stores: Stores, key: TableKey) -> TableDetails:
    """Return one table.

    Raises:
        ArtifactError: `damaged_table`, `artifact_missing` or `artifact_damaged`.
    """
    table = stores.tables.load(key.device, key.context)
    told = stores.tables.origin(key.device, key.context)
    assert table is not None, "keys are those of tables"
    values = [value for entry in table.entries.values() for value in entry.values]
    begun = {value.session_id: (value.measured_at, value.unit) for value in values}
    counts = Counter(value.session_id for value in values)
    return TableDetails(
        name=table_name(key),
        device=table.device,
        device_digest=table.device.digest,
        device_label=table.device.label,
        context=table.context,
        context_label=table.context.label,
        median_rel_sd=table.median_rel_sd,
        graph=table.known_graph,
        sessions=tuple(
            SessionLine(id=one, started_at=begun[one][0], num_layers=counts[one], unit=begun[one][1])
            for one in table.session_ids
        ),
        calibrations=tuple(calibration_of(*item) for item in table.corrections.items()),
        layers=tuple(
            LayerLine(
                signature=entry.signature,
                median_ms=entry.median_ms,
                rel_sd=entry.rel_sd,
                num_sessions=entry.num_sessions,
                state=entry.state,
                kind=entry.kind,
                stale=entry.stale,
                origin=entry.origin,
            )
            for entry in table.entries.values()
        ),
        imported=None if told is None else Provenance.model_validate(told),
        meters=tuple(one.label for one in find_meters()) if key.device == host_device().digest else (),
        ranges_from=layer_ranges(table.context.precision),
    )


def _stated(states: Mapping[State, int]) -> str:
    """Return how many layers are in which state, in words."""
    return ", ".join(f"{number} {state}" for state, number in states.items())


def _imported(told: Provenance) -> str:
    by = f" by {told.exported_by}" if told.exported_by else ""
    return (
        f"imported exported {told.exported_at[:10]}{by} with {told.tool}; not measured by this installation"
    )


def _line(stores: Stores, key: TableKey) -> TableLine:
    name, here = table_name(key), key.device == host_device().digest
    try:
        table = stores.tables.load(key.device, key.context)
    except ArtifactError:
        return TableLine(name=name, this_machine=here, damaged=True)
    assert table is not None, "keys are those of tables"
    dates = [value.measured_at for entry in table.entries.values() for value in entry.values]
    return TableLine(
        name=name,
        this_machine=here,
        imported=stores.tables.origin(key.device, key.context) is not None,
        device=table.device.label,
        context=table.context.label,
        num_layers=len(table.entries),
        num_spaces=len(table.corrections),
        states=table.states,
        last_measured=max(dates, default=""),
    )
