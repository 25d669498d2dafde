"""Two lookup tables side by side: another device, another runtime, another version."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from api.searches import unbroken
from api.table_names import find_table, table_name
from latency_predictors.correction import ErrorReport
from latency_predictors.error_report import spearman
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor
from latency_predictors.table_entry import Entry
from latency_predictors.trust import State
from nas.report.numbers import plain
from nas.report.trust import doubt_sentences
from nas.report.words import UNREPORTED, report_sentence
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.base import FloatArray, SearchSpace, space_digest
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.errors import UsageError
from search_spaces.sampling import random_architectures
from search_spaces.signatures import layer_of
from search_spaces.slot_tables import distinct_layers

NUM_NETWORKS: Final = 1_000
NUM_SHOWN: Final = 10

_UNKNOWN_KIND: Final = "of another version"


@dataclass(frozen=True)
class SpaceWish:
    """Whose networks are predicted with both tables.

    Attributes:
        name: In the catalogue.
        preset: None for the first.
        num_classes: Of the images.
        in_channels: Of the images.
    """

    name: str = "mobilenet_v3"
    preset: str | None = None
    num_classes: int = 10
    in_channels: int = 3


class ComparedTable(Document):
    """One of the tables.

    Attributes:
        num_layers: That are measured.
        states: How many of them are in which state.
        report: How good its predictions of the space are; None where too few networks were measured to say.
    """

    name: str
    device: str
    context: str
    num_layers: int
    states: dict[State, int]
    report: ErrorReport | None = None


class Ratios(Document):
    """Times of the second table over those of the first.

    Attributes:
        count: Of layers or networks.
        median: Of the ratios.
        low: Their 10th percentile.
        high: Their 90th percentile.
        rank_correlation: Of the times (Spearman); 1 is the same order.
    """

    count: int
    median: float
    low: float
    high: float
    rank_correlation: float


class KindRatios(Document):
    """The ratios of one kind of layer."""

    kind: str
    ratios: Ratios


class LayerRatio(Document):
    """One layer in both tables.

    Attributes:
        first_state: How far the first time can be trusted, and
        second_state: how far the second one.
    """

    signature: str
    first_ms: float
    second_ms: float
    ratio: float
    first_state: State
    second_state: State


class TableComparison(Document):
    """Two tables side by side.

    Attributes:
        layers: Of the layers that both have measured.
        kinds: The same by kind of layer.
        differing: Those furthest from the median ratio.
        space: Whose networks were predicted with both.
        networks: Of random networks of that space; None where one table is not profiled for it.
    """

    first: ComparedTable
    second: ComparedTable
    layers: Ratios
    kinds: tuple[KindRatios, ...]
    differing: tuple[LayerRatio, ...]
    space: str
    networks: Ratios | None

    def __rich__(self) -> RenderableType:
        """Draw the ratios, then the layers that differ most."""
        heads = [
            line
            for number, one in (("first ", self.first), ("second", self.second))
            for line in (
                f"{number}  {one.name}: {one.device}; {one.context}; {one.num_layers} layers",
                *(f"        {sentence}" for sentence in (*doubt_sentences(one.states), *self._trust(one))),
            )
        ]
        ratios = Table("second over first", "count", "median", "10 % to 90 %", "rank correlation", box=None)
        for kind in self.kinds:
            ratios.add_row(f"layers, {kind.kind}", *_cells(kind.ratios))
        ratios.add_row("all layers of both", *_cells(self.layers))
        if self.networks is not None:
            ratios.add_row(f"networks of {self.space}, predicted", *_cells(self.networks))
        note = [f"networks: not both tables are profiled for {self.space}"] if self.networks is None else []
        differing = Table("differ most", "first", "second", "ratio", box=None)
        for layer in self.differing:
            first = _time(layer.first_ms, layer.first_state)
            second = _time(layer.second_ms, layer.second_state)
            differing.add_row(layer.signature, first, second, plain(layer.ratio))
        return Group(unbroken([*heads, ""]), ratios, unbroken([*note, ""]), differing)

    def _trust(self, one: ComparedTable) -> tuple[str, ...]:
        """Return how far predictions of one table can be trusted, where it has any or they are shown."""
        what = f"predicted latencies of {self.space}"
        if one.report is None:
            return () if self.networks is None else (f"{what}: {UNREPORTED}",)
        return (f"{what}, {report_sentence(one.report)}",)


def compare_tables(settings: Settings, first: str, second: str, wish: SpaceWish) -> TableComparison:
    """Compare two tables.

    Args:
        settings: Where tables are.
        first: As `list_tables` has it, or the start of it.
        second: Likewise.
        wish: Whose networks are predicted with both.

    Raises:
        UsageError: `unknown_table` or `ambiguous_table`; `nothing_in_common` where no layer is in both.
        ArtifactError: `damaged_table`, `artifact_missing` or `artifact_damaged`.
    """
    preset = wish.preset or next(iter(PRESETS.get(wish.name, ())), "")
    space = get_space(wish.name, preset=preset, num_classes=wish.num_classes, in_channels=wish.in_channels)
    with opened_stores(settings) as stores:
        keys = [find_table(stores, name) for name in (first, second)]
        found = [stores.tables.load(key.device, key.context) for key in keys]
    tables = [table for table in found if table is not None]
    assert len(tables) == len(keys), "keys are those of tables"
    own, other = (_measured(table) for table in tables)
    common = [signature for signature in own if signature in other]
    if not common:
        raise UsageError(
            "nothing_in_common",
            f"no layer was measured for both {first} and {second}: profile both for one space",
        )
    ones, others = (np.array([side[name].median_ms for name in common]) for side in (own, other))
    heads = [
        _compared(table_name(key), table, side, space)
        for key, table, side in zip(keys, tables, (own, other), strict=True)
    ]
    return TableComparison(
        first=heads[0],
        second=heads[1],
        layers=_ratios(ones, others),
        kinds=_by_kind(common, ones, others),
        differing=_differing([(own[name], other[name]) for name in common]),
        space=space.name,
        networks=_networks(space, tables[0], tables[1]),
    )


def _compared(
    name: str, table: LookupTable, measured: Mapping[str, Entry], space: SearchSpace
) -> ComparedTable:
    correction = table.corrections.get(space_digest(space))
    return ComparedTable(
        name=name,
        device=table.device.label,
        context=table.context.label,
        num_layers=len(measured),
        states=dict(Counter(entry.state for entry in measured.values()).most_common()),
        report=None if correction is None else correction.report,
    )


def _measured(table: LookupTable) -> Mapping[str, Entry]:
    """Return the measured entries by signature, which is the same whatever a key is made of."""
    return {entry.signature: entry for entry in table.entries.values() if entry.kind == "measured"}


def _ratios(ones: FloatArray, others: FloatArray) -> Ratios:
    ratios = others / ones
    return Ratios(
        count=len(ratios),
        median=float(np.median(ratios)),
        low=float(np.quantile(ratios, 0.1)),
        high=float(np.quantile(ratios, 0.9)),
        rank_correlation=spearman(ones, others),
    )


def _by_kind(signatures: list[str], ones: FloatArray, others: FloatArray) -> tuple[KindRatios, ...]:
    specs = [layer_of(signature) for signature in signatures]
    kinds = np.array([_UNKNOWN_KIND if spec is None else spec.kind for spec in specs])
    return tuple(
        KindRatios(kind=str(kind), ratios=_ratios(ones[kinds == kind], others[kinds == kind]))
        for kind in np.unique(kinds)
    )


def _differing(pairs: Sequence[tuple[Entry, Entry]]) -> tuple[LayerRatio, ...]:
    ratios = np.array([other.median_ms / one.median_ms for one, other in pairs])
    furthest = np.argsort(-np.abs(np.log(ratios / np.median(ratios))), kind="stable")[:NUM_SHOWN]
    return tuple(
        LayerRatio(
            signature=one.signature,
            first_ms=one.median_ms,
            second_ms=other.median_ms,
            ratio=ratio,
            first_state=one.state,
            second_state=other.state,
        )
        for one, other, ratio in ((*pairs[i], float(ratios[i])) for i in furthest)
    )


def _networks(space: SearchSpace, first: LookupTable, second: LookupTable) -> Ratios | None:
    """Return how both tables predict the same random networks; None where one of them cannot."""
    archs = random_architectures(space, NUM_NETWORKS, np.random.default_rng(0))
    points = []
    for table in (first, second):
        correction = table.corrections.get(space_digest(space))
        if correction is None or table.missing(distinct_layers(space)):
            return None
        points.append(CostPredictor(space, table, correction).predict(archs).point)
    return _ratios(*points)


def _time(value_ms: float, state: State) -> str:
    return f"{plain(value_ms)} ms{' (suspect)' if state == 'suspect' else ''}"


def _cells(ratios: Ratios) -> tuple[str, ...]:
    between = f"{plain(ratios.low)} to {plain(ratios.high)}"
    return f"{ratios.count:,}", plain(ratios.median), between, f"{ratios.rank_correlation:.3f}"
