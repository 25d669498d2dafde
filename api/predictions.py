"""Costs of architectures before training: latency from a table or a model, the rest from shapes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import Field
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.named_tables import as_options, is_calibrated, named_table, not_calibrated
from api.predicted_networks import PredictedNetwork, predicted_networks
from latency_predictors.calibration import calibrate
from latency_predictors.correction import ErrorReport
from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.few_shot import FewShotPredictor, FewShotReport
from latency_predictors.filling import filled
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.lookup_table import LookupTable
from latency_predictors.predictor import CostPredictor, Costs, require_supported
from latency_predictors.trust import State
from nas.pipeline.sites import Site
from nas.report.numbers import interval, percent, rounded
from nas.report.trust import doubt_sentences
from nas.report.words import (
    COST_NAMES,
    SHORT_UNITS,
    UNREPORTED,
    cost_text,
    few_shot_sentence,
    report_sentence,
)
from nas.results import Document, Figure
from nas.settings import Settings
from nas.specs import ContextSpec, LatencySpec, SpaceSpec
from nas.store.few_shot_models import latest_few_shot
from nas.store.searches import find_search
from nas.store.stores import opened_stores
from search_spaces.base import (
    IntArray,
    SearchSpace,
    architecture_from_values,
    space_digest,
)
from search_spaces.catalogue import PRESETS, get_space
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.sampling import as_array, canonical, random_architectures
from search_spaces.slot_tables import distinct_layers

_OF_SHAPES: Final = ("peak_memory_bytes", "arena_bytes", "file_bytes", "num_macs", "num_params")
_KINDS_OF_SHAPES: Final = (
    "file sizes are fitted to exported files; memory, MACs and parameters follow from shapes (modelled)"
)


@dataclass(frozen=True)
class Wish:
    """Which networks are meant.

    Attributes:
        space: Name in the catalogue.
        preset: None for the first.
        num_classes: Of the images.
        in_channels: Of the images.
        search: Takes the four above from a search instead.
        architecture: File with the option of every choice, by name.
        num_random: Random architectures, where no file is given.
        seed: Of those.
        fill: Whether layers that are not measured may be fitted to those that are.
        table: Name of a lookup table, or the start of it; None for this machine's.
        context: How this machine runs them; a table that is named has to agree with the fields that are set.
        latency: What is meant by it.
    """

    space: str = "mobilenet_v3"
    preset: str | None = None
    num_classes: int = 10
    in_channels: int = 3
    search: str | None = None
    architecture: Path | None = None
    num_random: int = 1
    seed: int = 0
    fill: bool = False
    table: str | None = None
    context: ContextSpec = field(default_factory=ContextSpec)
    latency: LatencySpec = field(default_factory=LatencySpec)


class Predictions(Document):
    """Predicted costs of architectures on this machine, or on the device of the table that was named.

    Attributes:
        level: Nominal coverage of the intervals of latency, 0..1.
        report: How good predictions from this table were; None where too few networks were measured to say.
        few_shot: The same of a model of few whole networks, where there is no table.
        states: How many layers of the space, of those that the table has, are in which state today (see
            `latency_predictors.trust`).
        latency: What is meant by it: `median`, or for example `p95 with pauses of 20 ms`.
    """

    device: str
    context: str
    space: SpaceSpec
    num_classes: int
    in_channels: int
    level: float
    report: ErrorReport | None
    networks: tuple[PredictedNetwork, ...]
    few_shot: FewShotReport | None = None
    states: dict[State, int] = Field(default_factory=dict)
    latency: str = LatencyMetric().label

    def __rich__(self) -> RenderableType:
        """Draw one line an architecture."""
        level = f"{100.0 * self.level:.0f} % interval"
        meant = "latency" if self.latency == PLAIN.label else f"latency ({self.latency})"
        shapes = [name for name in _OF_SHAPES if getattr(self.networks[0], name)]
        heads = [COST_NAMES[name] for name in shapes]
        table = Table(box=None, padding=(0, 1, 0, 0))
        for head in ("architecture", meant, level, "from", *heads):
            # Narrow terminals get more lines, not fewer digits.
            table.add_column(head, no_wrap=head in ("architecture", level), overflow="fold")
        for network in self.networks:
            latency = network.latency_ms
            bounds = (latency.value, latency.lower, latency.upper)
            table.add_row(
                network.architecture_digest[:12],
                f"{rounded(*bounds)} ms",
                interval(*bounds),
                latency.kind,
                *(_cell(name, getattr(network, name)) for name in shapes),
            )
        where = Text(f"predicted for {self.device} · {self.context}; nothing was run")
        return Group(where, table, *(Text(line) for line in (_KINDS_OF_SHAPES, *self._trust())))

    def _trust(self) -> list[str]:
        """Return how far the latencies can be trusted."""
        measured = min(network.coverage for network in self.networks)
        lines = [UNREPORTED if self.report is None else report_sentence(self.report)]
        if self.few_shot is not None:
            return [few_shot_sentence(self.few_shot)]
        if measured < 1.0:
            lines.append(f"layers that were not measured make up to {percent(1.0 - measured)} % of a sum")
        return [*lines, *doubt_sentences(self.states)]


def _cell(name: str, cost: Figure) -> str:
    """Return a cost for a narrow column: `18.4 KiB`, `1.24 M`."""
    number, _, unit = cost_text(name, cost.value).partition(" ")
    return f"{number} {SHORT_UNITS.get(unit, unit)}".strip()


def predict_costs(settings: Settings, wish: Wish) -> Predictions:
    """Predict the costs of architectures on this machine, or on the device of the table that is named.

    Raises:
        UsageError: Where space, preset, search, table, file or choice do not exist.
        MeasurementError: `no_profile` where the table lacks what the space needs; `context_mismatch` where
            the one that is named is of another context; `too_few_layers` where it lacks so much that nothing
            can be filled in; `runtime_missing`; `unsupported_subject` where the runtime cannot run one.
    """
    spec, num_classes, in_channels = _space_of(settings, wish)
    space = get_space(spec.name, preset=spec.preset, num_classes=num_classes, in_channels=in_channels)
    archs = _architectures(space, wish)
    source = _source(settings, space, spec, (num_classes, in_channels), wish)
    return Predictions(
        device=source.site.device.label,
        context=source.site.context.label,
        space=spec,
        num_classes=num_classes,
        in_channels=in_channels,
        level=source.level,
        report=source.report,
        networks=predicted_networks(space, archs, source.predict(archs), source.site),
        few_shot=source.few_shot,
        states=source.states,
        latency=wish.latency.metric.label,
    )


@dataclass(frozen=True)
class _Source:
    """What latencies are predicted with."""

    site: Site
    level: float
    report: ErrorReport | None
    predict: Callable[[IntArray], Costs]
    few_shot: FewShotReport | None = None
    states: dict[State, int] = field(default_factory=dict)


def _source(
    settings: Settings, space: SearchSpace, spec: SpaceSpec, images: tuple[int, int], wish: Wish
) -> _Source:
    """Return the table that is named, else this machine's; where it has none, its model of few networks."""
    if wish.table is not None:
        named = named_table(settings, space, wish.table, wish.context, wish.latency)
        return _from_table(space, named, wish.latency)
    device, asked, latency = host_device(), wish.context, wish.latency
    known = host_context(asked.runtime, threads=asked.threads, batch=asked.batch)
    context = replace(known, precision=asked.precision)
    table, layers = host_table(settings, context), distinct_layers(space)
    calibrated = table is not None and is_calibrated(table, space, latency)
    if not calibrated and latency.metric != PLAIN:
        raise not_calibrated(f"this machine ({context.label})", space, latency)
    if wish.fill and table is not None:
        return _from_table(space, table, latency, fill=True)
    missing = layers if table is None else table.missing(layers)
    if table is not None and not missing and calibrated:
        return _from_table(space, table, latency)
    where = {"device": device.digest, "context": context.digest, "space_digest": space_digest(space)}
    with opened_stores(settings) as stores:
        model = latest_few_shot(stores, settings.tenant, **where)
    if model is None or latency.metric != PLAIN:  # models are of plain medians
        hint = "" if table is None else ", or fill them in with --fill"
        what = f"{len(missing)} of {len(layers)} layers are not measured"
        raise _no_profile(what if missing else "the sums are not calibrated", spec, images, asked, hint)
    predict = FewShotPredictor(space, model).predict
    return _Source(Site(device, context), model.level, None, predict, model.report)


def _from_table(
    space: SearchSpace, table: LookupTable, latency: LatencySpec, *, fill: bool = False
) -> _Source:
    correction = table.corrections.get(latency.metric.correction_key(space_digest(space))) or calibrate(())
    layers = distinct_layers(space)
    predictor = CostPredictor(space, filled(table, layers) if fill else table, correction, filled=fill)

    def predict(archs: IntArray) -> Costs:
        require_supported(space, table, archs)
        return predictor.predict(archs)

    return _Source(
        Site.of(table),
        correction.level,
        correction.report,
        predict,
        states=table.states_of(layers),
    )


def host_table(settings: Settings, context: ExecutionContext) -> LookupTable | None:
    """Return the table of this machine for a context; None where nothing was measured."""
    with opened_stores(settings) as stores:
        return stores.tables.load(host_device().digest, context.digest)


def _space_of(settings: Settings, wish: Wish) -> tuple[SpaceSpec, int, int]:
    if wish.search is None:
        preset = wish.preset or next(iter(PRESETS.get(wish.space, ())), "")
        return SpaceSpec(name=wish.space, preset=preset), wish.num_classes, wish.in_channels
    with opened_stores(settings) as stores:
        result = stores.stored(find_search(stores, settings.tenant, wish.search)).result()
    return result.spec.space, len(result.class_names), int(result.dataset["num_channels"])


def _architectures(space: SearchSpace, wish: Wish) -> IntArray:
    if wish.architecture is None:
        return random_architectures(space, wish.num_random, np.random.default_rng(wish.seed))
    return canonical(space, as_array(architecture_from_values(space, _read(wish.architecture))))


def _read(path: Path) -> dict[str, Any]:
    """Return the options in a file: the `architecture.json` of a delivered network, or the options alone."""
    if not path.is_file():
        raise UsageError("no_such_file", f"there is no file {path}: give an architecture.json")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        options = document.get("options", document)
        return dict(options)
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            "invalid_architecture",
            f"{path} holds no architecture: write {{CHOICE: OPTION, ...}} with every choice of the space, "
            "as `hwnas spaces show` lists them",
        ) from error


def _no_profile(
    what: str, spec: SpaceSpec, images: tuple[int, int], asked: ContextSpec, hint: str
) -> MeasurementError:
    command = (
        f"hwnas devices profile --space {spec.name} --preset {spec.preset} "
        f"--classes {images[0]} --channels {images[1]}"
    )
    context = as_options(asked.model_dump(exclude_defaults=True))
    words = f"{command} {context}".rstrip()
    return MeasurementError("no_profile", f"{what} on this machine: run `{words}`{hint}")
