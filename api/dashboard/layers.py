"""The layers of a network with what each costs, as it was measured."""

from dataclasses import dataclass

from api.dashboard.figures.network import layer_text, shape_text
from api.dashboard.results import TargetFront
from latency_predictors.device import facts_digest
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.table_entry import Entry
from latency_predictors.trust import State
from nas.export.card import context_of
from nas.results import VerifiedNetwork
from nas.store.stores import Stores
from search_spaces.base import SearchSpace, architecture_digest, architecture_from_values
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.errors import ArtifactError, UsageError
from search_spaces.network import Node, network
from search_spaces.stock_networks import STOCK_NETWORKS


@dataclass(frozen=True)
class LayerRow:
    """One layer.

    Attributes:
        what: In words.
        median_ms: Measured alone on the device; None where the table does not have it.
        rel_sd: Spread between sessions, as a share.
        share: Of the sum of all layers, 0 to 1; None where a layer is not known.
        kind: How the time was obtained: `measured` or `fitted`; empty where it is not known.
        state: How far it can be trusted.
    """

    name: str
    what: str
    shapes: str
    macs: int
    num_params: int
    median_ms: float | None
    rel_sd: float
    share: float | None
    num_sessions: int
    kind: str
    state: State | None


@dataclass(frozen=True)
class Anatomy:
    """What a network is made of.

    Attributes:
        sum_ms: Of the layers' own times; None where one is not known.
        missing: Why times are missing, in words; empty where none is.
    """

    nodes: tuple[Node, ...]
    rows: tuple[LayerRow, ...]
    sum_ms: float | None
    missing: str

    @property
    def shares(self) -> list[float | None]:
        """Of the time, layer by layer."""
        return [row.share for row in self.rows]


def exact_space(front: TargetFront, one: VerifiedNetwork) -> SearchSpace | None:
    """Return the space of a network with its own classes and channels; None where this version has none.

    Args:
        front: That the network belongs to.
        one: Of the search, or a stock network, which has a space of its own.
    """
    result = front.result
    if result is None:
        return None
    wanted, classes = result.spec.space, len(result.class_names)
    channels = int(result.dataset.get("num_channels", 3))
    if one.origin == "reference":
        make = STOCK_NETWORKS.get(one.stock)
        return make(one.resolution, classes, channels) if make else None
    if wanted.preset not in PRESETS.get(wanted.name, ()):
        return None
    return get_space(wanted.name, preset=wanted.preset, num_classes=classes, in_channels=channels)


def anatomy(stores: Stores, front: TargetFront, one: VerifiedNetwork) -> Anatomy | None:
    """Return the layers of a network of a front; None where this version cannot build it."""
    space = exact_space(front, one)
    if space is None:
        return None
    try:
        architecture = architecture_from_values(space, one.architecture)
    except UsageError:
        return None
    if architecture_digest(space, architecture) != one.architecture_digest:
        return None
    nodes = network(space, architecture)
    table, why = _table(stores, front)
    entries = [table.entries.get(layer_key(node.spec)) if table else None for node in nodes]
    absent = sum(entry is None for entry in entries)
    if table is not None and absent:
        why = _absent_text(one, absent, len(nodes))
    known = [entry.median_ms for entry in entries if entry is not None]
    total = None if absent else sum(known)
    rows = tuple(_row(node, entry, total) for node, entry in zip(nodes, entries, strict=True))
    return Anatomy(nodes, rows, total, why)


def _absent_text(one: VerifiedNetwork, absent: int, count: int) -> str:
    """Return why layers have no times."""
    if one.origin == "reference":
        return (
            f"{absent} of {count} layers were not measured alone: tables have those of the search space; "
            "a stock network is measured whole"
        )
    return f"{absent} of {count} layers are not in the table of this device: profile it again"


def _table(stores: Stores, front: TargetFront) -> tuple[LookupTable | None, str]:
    device, context = facts_digest(front.target.device), context_of(front.target).digest
    try:
        table = stores.tables.load(device, context)
    except ArtifactError as error:
        return None, error.message
    return (
        table,
        "" if table else "the table of this device and context is not here: profile it",
    )


def _row(node: Node, entry: Entry | None, total: float | None) -> LayerRow:
    spec = node.spec
    return LayerRow(
        name=node.slot,
        what=layer_text(spec),
        shapes=f"{shape_text(spec.in_shape)} → {shape_text(spec.out_shape)}",
        macs=spec.macs,
        num_params=spec.num_params,
        median_ms=entry.median_ms if entry else None,
        rel_sd=entry.rel_sd if entry else 0.0,
        share=entry.median_ms / total if entry and total else None,
        num_sessions=entry.num_sessions if entry else 0,
        kind=entry.kind if entry else "",
        state=entry.state if entry else None,
    )
