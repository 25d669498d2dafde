"""Costs of architectures before training: latency from a table or a model, the rest from shapes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydantic import Field
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from api.named_tables import as_options, is_calibrated, named_table, not_calibrated
from api.predicted_networks import PredictedNetwork, predicted_networks
from api.prediction_sources import PredictionSource, few_shot_source, table_source
from latency_predictors.agent_protocol import HOST
from latency_predictors.calibration import calibrate
from latency_predictors.correction import ErrorReport
from latency_predictors.few_shot import FewShotModel, FewShotReport
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.lookup_table import LookupTable
from latency_predictors.trust import State
from nas.pipeline.sites import Site, site_of
from nas.report.few_shot_words import few_shot_sentence
from nas.report.numbers import interval, percent, rounded
from nas.report.trust import doubt_sentences
from nas.report.words import (
    COST_NAMES,
    SHORT_UNITS,
    UNREPORTED,
    cost_text,
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
from search_spaces.readable import readable
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
        table: Name of a lookup table, or the start of it; None for that of the device.
        context: How the device runs them; a table that is named has to agree with the fields that are set.
        latency: What is meant by it.
        device: `host` or the name of a registered board.
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
    device: str = HOST


class Predictions(Document):
    """Predicted costs of architectures on a device.

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
            share = percent(1.0 - measured)
            lines.append(f"layers that were not measured, or may not run, make up to {share} % of a sum")
        return [*lines, *doubt_sentences(self.states)]


def _cell(name: str, cost: Figure) -> str:
    """Return a cost for a narrow column: `18.4 KiB`, `1.24 M`."""
    number, _, unit = cost_text(name, cost.value).partition(" ")
    return f"{number} {SHORT_UNITS.get(unit, unit)}".strip()


def predict_costs(settings: Settings, wish: Wish) -> Predictions:
    """Predict the costs of architectures on a device: by its name, or that of the table that is named.

    Raises:
        UsageError: Where space, preset, search, table, file or choice do not exist; `conflicting_options`
            where both a device and a table are named.
        MeasurementError: `no_profile` where the table lacks what the space needs, and there is no model of
            few networks either; `context_mismatch` where the one that is named is of another context;
            `too_few_layers` where it lacks so much that nothing can be filled in; `device_missing`,
            `runtime_missing` or `context_unsupported` where no board has that name or it cannot run networks
            so; `unsupported_subject` where the runtime cannot run one.
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


def _source(
    settings: Settings, space: SearchSpace, spec: SpaceSpec, images: tuple[int, int], wish: Wish
) -> PredictionSource:
    """Return the table that is named, else the device's; where it has none, its model of few networks."""
    latency = wish.latency
    if wish.table is not None:
        if wish.device != HOST:
            raise UsageError(
                "conflicting_options",
                f"--table names the device, --device {wish.device} as well: give one of them",
            )
        return _from_table(space, named_table(settings, space, wish.table, wish.context, latency), latency)
    with opened_stores(settings) as stores:
        site = site_of(stores, settings.tenant, wish.device, wish.context)
        table = stores.tables.load(site.device.digest, site.context.digest)
    name = "this machine" if wish.device == HOST else f"device '{wish.device}'"
    calibrated = table is not None and is_calibrated(table, space, latency)
    if not calibrated and latency.metric != PLAIN:
        raise not_calibrated(f"{name} ({site.context.label})", space, latency)
    if wish.fill and table is not None:
        return _from_table(space, table, latency, fill=True)
    layers = distinct_layers(space)
    missing = layers if table is None else table.missing(layers)
    if table is not None and not missing and calibrated:
        return _from_table(space, table, latency)
    model = _few_shot(settings, space, site) if latency.metric == PLAIN else None  # they are of plain medians
    if model is None:
        what = f"{len(missing)} of {len(layers)} layers are not measured"
        what = f"{what if missing else 'the sums are not calibrated'} on {name}"
        hint = "" if table is None else ", or fill them in with --fill"
        raise _no_profile(what, _profiling(spec, images, wish), hint)
    return few_shot_source(space, model, site)


def _few_shot(settings: Settings, space: SearchSpace, site: Site) -> FewShotModel | None:
    where = {"device": site.device.digest, "context": site.context.digest}
    with opened_stores(settings) as stores:
        return latest_few_shot(stores, settings.tenant, **where, space_digest=space_digest(space))


def _from_table(
    space: SearchSpace, table: LookupTable, latency: LatencySpec, *, fill: bool = False
) -> PredictionSource:
    known = table.corrections.get(latency.metric.correction_key(space_digest(space)))
    return table_source(space, table, known or calibrate(()), fill=fill)


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
    with readable(path):
        if not path.is_file():
            raise UsageError("no_such_file", f"there is no file {path}: give an architecture.json")
        content = path.read_bytes()
    try:
        document = json.loads(content)
        options = document.get("options", document)
        return dict(options)
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            "invalid_architecture",
            f"{path} holds no architecture: write {{CHOICE: OPTION, ...}} with every choice of the space, "
            "as `hwnas spaces show` lists them",
        ) from error


def _profiling(spec: SpaceSpec, images: tuple[int, int], wish: Wish) -> str:
    """Return the command that has measured what a wish needs."""
    asked = wish.context.model_dump(exclude_defaults=True)
    if wish.device != HOST:
        asked["device"] = wish.device
    command = (
        f"hwnas devices profile --space {spec.name} --preset {spec.preset} "
        f"--classes {images[0]} --channels {images[1]}"
    )
    return f"{command} {as_options(asked)}".rstrip()


def _no_profile(what: str, command: str, hint: str) -> MeasurementError:
    return MeasurementError("no_profile", f"{what}: run `{command}`{hint}")
