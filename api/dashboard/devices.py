"""The screens of devices: what was measured of which, and can its numbers be trusted?"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from api.boards import BoardLine
from api.calibrations import Calibration
from api.dashboard.charts import Drawn, drawn
from api.dashboard.figures.device import calibration_figure, drift_figure
from api.dashboard.figures.network import layer_text, shape_text
from api.dashboard.pages import page
from api.devices import LayerLine, TableDetails, table_details
from api.keys import Scope
from api.pagination import Cursor
from api.routes.devices import device_resource, tables_measured
from api.routes.devices import devices as all_devices
from api.security import Reader
from api.state import Shared
from latency_predictors.agent_protocol import HOST
from latency_predictors.lookup_table import LookupTable
from nas.jobs import JobKind
from nas.report import words
from nas.report.sections import facts_of
from nas.report.table_facts import Facts
from nas.store.stores import Stores
from nas.store.table_store import TableKey
from search_spaces.base import space_digest
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.errors import ArtifactError
from search_spaces.signatures import layer_of
from search_spaces.slot_tables import distinct_layers

router = APIRouter(include_in_schema=False)

ROWS: Final = 50
MOST_LAYERS: Final = 100
_DOUBTFUL: Final = ("suspect", "stale", "unconfirmed", "unsupported")
CLASSES, CHANNELS = 10, (1, 3)
"""Of the spaces whose coverage is told: only the last and the first layer depend on these."""


@dataclass(frozen=True)
class Coverage:
    """How much of a search space a table has.

    Attributes:
        num_measured: Layers with an entry that holds.
    """

    space: str
    num_layers: int
    num_measured: int


@dataclass(frozen=True)
class CalibrationView:
    """One correction with the plot of its networks."""

    calibration: Calibration
    space: str
    sentence: str
    chart: Drawn


@dataclass(frozen=True)
class TableView:
    """What is shown of one context of a device; with a reason instead where its table cannot be read."""

    name: str
    damaged: str = ""
    details: TableDetails | None = None
    facts: Sequence[tuple[str, str]] = ()
    states: Sequence[tuple[str, int]] = ()
    doubtful: Sequence[tuple[LayerLine, str, str]] = ()
    num_doubtful: int = 0
    coverage: Sequence[Coverage] = ()
    calibrations: Sequence[CalibrationView] = ()
    drift: Drawn | None = None


@router.get("/devices")
def devices(who: Reader, service: Shared, request: Request, cursor: Cursor = None) -> Response:
    """Show the devices that are registered, and those of which something was measured."""
    found = all_devices(who, service, ROWS, cursor)
    return page(
        request,
        "devices",
        devices=found.items,
        next_cursor=found.next_cursor,
        now_ms=_now_ms(),
        words=words,
    )


@router.get("/devices/{device_id}")
def device(
    device_id: str,
    who: Reader,
    service: Shared,
    request: Request,
    job: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show a device: facts, tables, errors of predictions, sessions, what is to be measured again."""
    told = device_resource(device_id, who, service)
    keys = tables_measured(service, who, told.id)
    views = [_view(service.stores, key, number) for number, key in enumerate(keys)]
    readable = [view.details for view in views if view.details is not None]
    profile = service.stores.jobs.get(who.tenant, job) if job else None
    return page(
        request,
        "device",
        device_id=told.id,
        label=told.label or told.id[:12],
        facts=_facts(service.stores, who.tenant, told.board, readable),
        board=told.board,
        few_shot=told.few_shot,
        now_ms=_now_ms(),
        profiled_as=told.board.name if told.board else HOST if _is_host(readable) else "",
        views=views,
        presets=[(name, preset) for name, presets in PRESETS.items() for preset in presets],
        profile=profile if profile and profile.kind is JobKind.PROFILE else None,
        may_submit=who.may(Scope.SUBMIT),
        words=words,
    )


def _now_ms() -> int:
    return int(1000 * time.time())


def _facts(stores: Stores, tenant: str, board: BoardLine | None, readable: Sequence[TableDetails]) -> Facts:
    """Return the hardware of a device: as its board has told it, or as a table has it."""
    agent = stores.agents.find(tenant, board.name) if board else None
    known = [agent.device] if agent else [one.device for one in readable]
    hardware = facts_of(known[0].__dict__) if known else []
    return [(name, text) for name, text in hardware if text]


def _is_host(readable: Sequence[TableDetails]) -> bool:
    """Whether it can be measured from here: meters are told of this machine only."""
    return any(one.meters for one in readable)


def _view(stores: Stores, key: TableKey, number: int) -> TableView:
    name = f"table-{number}"
    try:
        details = table_details(stores, key)
        table = stores.tables.load(key.device, key.context)
    except ArtifactError as error:
        return TableView(name, damaged=f"{error.code}: {error.message}")
    assert table is not None, "keys are those of tables"
    doubtful = [one for one in details.layers if one.state in _DOUBTFUL or one.stale]
    doubtful.sort(key=lambda one: (one.state != "suspect", -one.rel_sd))
    sessions = stores.sessions.conditions(key.device, key.context)
    drift = drift_figure(sessions)
    label = "How long the first anchor took in each session, in percent of the first"
    return TableView(
        name=name,
        details=details,
        facts=facts_of(details.context.__dict__),
        states=Counter(one.state for one in details.layers).most_common(),
        doubtful=[(one, *_layer_words(one.signature)) for one in doubtful[:MOST_LAYERS]],
        num_doubtful=len(doubtful),
        coverage=coverage(table),
        calibrations=[
            _calibration(one, f"{name}-calibration-{place}") for place, one in enumerate(details.calibrations)
        ],
        drift=drawn(f"{name}-drift", label, drift) if drift["data"] else None,
    )


def _layer_words(signature: str) -> tuple[str, str]:
    spec = layer_of(signature)
    if spec is None:
        return "a layer of another version", ""
    return layer_text(spec), f"{shape_text(spec.in_shape)} → {shape_text(spec.out_shape)}"


def coverage(table: LookupTable) -> list[Coverage]:
    """Return for each space of the catalogue how much of it a table has, the best covered first."""
    found = []
    for name, preset, channels in _spaces():
        space = get_space(name, preset=preset, num_classes=CLASSES, in_channels=channels)
        layers = distinct_layers(space)
        measured = len(layers) - len(table.missing(layers))
        title = f"{name}/{preset}, {'grey' if channels == 1 else 'colour'} images"
        found.append(Coverage(title, len(layers), measured))
    return sorted(found, key=lambda one: -one.num_measured / one.num_layers)


def _spaces() -> list[tuple[str, str, int]]:
    presets = [(name, preset) for name, presets in PRESETS.items() for preset in presets]
    return [(name, preset, channels) for name, preset in presets for channels in CHANNELS]


def _calibration(one: Calibration, name: str) -> CalibrationView:
    known = {
        space_digest(get_space(space, preset=preset, num_classes=CLASSES, in_channels=channels)): (
            f"{space}/{preset}"
        )
        for space, preset, channels in _spaces()
    }
    report = one.report
    return CalibrationView(
        calibration=one,
        space=known.get(one.space_digest, f"space {one.space_digest[:12]}"),
        sentence=words.report_sentence(report) if report else "too few networks for an error report",
        chart=drawn(name, "Measured against predicted latency", calibration_figure(one.networks)),
    )
