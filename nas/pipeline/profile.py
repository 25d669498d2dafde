"""Phase `profile`: measure what the table lacks, calibrate on whole networks, check the limits."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from latency_predictors.calibration import calibrate, calibration_point, refit, spread_by_cost
from latency_predictors.correction import CalibrationPoint
from latency_predictors.device import ExecutionContext, host_context, host_device
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL
from latency_predictors.protocol import SessionResult
from latency_predictors.slot_costs import SlotCosts
from latency_predictors.spread import combine_sessions
from nas.data.decode import RESIZE_RULE
from nas.export.metadata import describe
from nas.export.onnx import export_layer, export_onnx
from nas.feasibility import check_feasible, infeasible_message
from nas.pipeline.context import PhaseContext, Progress
from nas.pipeline.costs import cost_predictors
from nas.pipeline.measuring import measure_contents
from nas.results import Document, TableSummary
from nas.settings import Settings
from nas.specs import ContextSpec, TargetSpec
from nas.training.recipes import spread_architectures
from search_spaces.base import Architecture, SearchSpace, architecture_digest, space_digest
from search_spaces.errors import InfeasibleError
from search_spaces.layers import LayerSpec
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import layers as layers_of
from search_spaces.network import network
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

NAME: Final = "profile"
NUM_CALIBRATION: Final = 20
"""Whole networks that the correction of a table is fitted on, at first."""

_CALIBRATION_POOL: Final = 4_000
_SEED: Final = 0


class ProfileDocument(Document):
    """The tables of a search's targets, one each, in the order of the targets."""

    tables: tuple[TableSummary, ...]


def run(ctx: PhaseContext) -> None:
    """Complete the tables of all targets, then check the limits.

    Raises:
        InfeasibleError: `infeasible_limits`, naming the binding limit and the nearest reachable value.
    """
    summaries = [
        profile_context(ctx.space, target.context, ctx.settings, ctx.progress) for target in ctx.spec.targets
    ]
    for target in ctx.spec.targets:
        check_limits(ctx, target)
    ctx.run.save(NAME, ProfileDocument(tables=tuple(summaries)))


def check_limits(ctx: PhaseContext, target: TargetSpec) -> float:
    """Return the share of random architectures that keep a target's limits.

    Raises:
        InfeasibleError: `infeasible_limits`.
    """
    if not target.limits:
        return 1.0
    table = load_table(ctx.settings, context_of(target.context))
    predictors = cost_predictors(ctx.space, table)
    rng = np.random.default_rng(ctx.spec.seed)
    limits = {str(name): limit for name, limit in target.limits.items()}
    found = check_feasible(ctx.space, limits, predictors, rng)
    if not found.feasible:
        raise InfeasibleError("infeasible_limits", infeasible_message(found))
    return found.share


def context_of(spec: ContextSpec) -> ExecutionContext:
    """Return the context that a specification means, with the runtime's installed version."""
    return host_context(spec.runtime, threads=spec.threads)


def table_path(settings: Settings, context: ExecutionContext) -> Path:
    """Return where the table of this host and a context is kept."""
    return settings.tables / f"{host_device().digest[:12]}-{context.digest[:12]}.json"


def load_table(settings: Settings, context: ExecutionContext) -> LookupTable:
    """Return the table of this host and a context; an empty one where nothing has been measured."""
    path = table_path(settings, context)
    return LookupTable.load(path) if path.exists() else LookupTable(device=host_device(), context=context)


def profile_context(
    space: SearchSpace, spec: ContextSpec, settings: Settings, progress: Progress
) -> TableSummary:
    """Measure every layer of a space that the table lacks; calibrate the sums where that was not done."""
    context = context_of(spec)
    path = table_path(settings, context)
    table = load_table(settings, context)
    layers = distinct_layers(space)
    missing = table.missing(layers)
    if missing:
        progress.say(f"measuring {len(missing)} of {len(layers)} layers on {table.device.label}")
        sessions = _measure_layers(table, missing, progress)
        table = table.merged(missing, sessions)
        table.save(path)
    digest = space_digest(space)
    if digest not in table.corrections:
        points = measure_networks(space, table, calibration_set(space, table), progress)
        table = add_points(space, table, points)
        table.save(path)
    report = table.corrections[digest].report
    return TableSummary(
        num_layers=len(layers),
        num_measured_now=len(missing),
        median_spread=table.median_rel_sd,
        sessions=table.session_ids,
        report={} if report is None else report.model_dump(mode="json"),
    )


def calibration_set(space: SearchSpace, table: LookupTable) -> list[Architecture]:
    """Return architectures from cheap to dear, evenly in the logarithm of their sums."""
    rng = np.random.default_rng(_SEED)
    pool = np.unique(spread_architectures(space, _CALIBRATION_POOL, rng), axis=0)
    sums = SlotCosts(space, table.costs_ms(distinct_layers(space))[:, np.newaxis])(pool)[:, 0]
    return [as_architecture(pool[i]) for i in spread_by_cost(sums.astype(np.float64), NUM_CALIBRATION, rng)]


def measure_networks(
    space: SearchSpace,
    table: LookupTable,
    architectures: Sequence[Architecture],
    progress: Progress,
) -> list[CalibrationPoint]:
    """Measure whole networks with initial weights: latency depends on shapes, not on what was learnt."""

    def write(architecture: Architecture) -> bytes:
        classes = tuple(str(i) for i in range(network(space, architecture)[-1].spec.out_shape[0]))
        facts = describe(space, architecture, class_names=classes, dataset_digest="", resize_rule=RESIZE_RULE)
        return export_onnx(StaticNetwork(network(space, architecture)).eval(), facts)

    files = {architecture_digest(space, one): partial(write, one) for one in architectures}
    sessions = measure_contents(
        table,
        files,
        NETWORK_PROTOCOL,
        lambda done, total: progress.step(NAME, done, total, "calibrating on whole networks"),
    )
    measured = combine_sessions(sessions)
    return [
        calibration_point(
            table,
            layers_of(space, one),
            digest=digest,
            measured_ms=measured[digest].median_ms,
            rel_sd=measured[digest].rel_sd,
        )
        for digest, one in zip(files, architectures, strict=True)
    ]


def add_points(space: SearchSpace, table: LookupTable, points: Sequence[CalibrationPoint]) -> LookupTable:
    """Return the table with its correction for a space fitted on further networks."""
    digest = space_digest(space)
    known = table.corrections.get(digest)
    return table.with_correction(digest, refit(known, points) if known else calibrate(points))


def _measure_layers(
    table: LookupTable, layers: Sequence[LayerSpec], progress: Progress
) -> list[SessionResult]:
    files = {layer_key(spec): partial(export_layer, spec) for spec in layers}
    return measure_contents(
        table,
        files,
        LAYER_PROTOCOL,
        lambda done, total: progress.step(NAME, done, total, "measuring layers"),
    )
