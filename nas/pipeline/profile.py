"""Phase `profile`: have measured what the table lacks, calibrate on whole networks, check the limits."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

import numpy as np

from latency_predictors.calibration import calibrate, calibration_point, refit, spread_by_cost
from latency_predictors.correction import CalibrationPoint, Correction
from latency_predictors.device import ExecutionContext, host_device
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import graph_by_timing, probe_subjects
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.runtimes import get_runtime
from latency_predictors.slot_costs import SlotCosts
from latency_predictors.spread import combine_sessions
from nas.data.decode import RESIZE_RULE
from nas.export.metadata import describe
from nas.export.onnx import export_onnx
from nas.export.quantize import quantise_on_noise
from nas.jobs import Waiting
from nas.pipeline.amounts import NUM_CALIBRATION
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, RunContext, SearchContext
from nas.pipeline.costs import PLAIN
from nas.pipeline.damage import sound_table
from nas.pipeline.measuring import measured, measured_layers
from nas.pipeline.renewal import Measuring, renewed
from nas.pipeline.tables import check_limits, context_of
from nas.results import Document, TableSummary
from nas.specs import ContextSpec
from nas.training.recipes import spread_architectures
from search_spaces.base import Architecture, SearchSpace, architecture_digest, space_digest
from search_spaces.errors import MeasurementError
from search_spaces.layers import LayerSpec
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import layers as layers_of
from search_spaces.network import network
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

NAME: Final = "profile"

_CALIBRATION_POOL: Final = 4_000
_SEED: Final = 0


class ProfileDocument(Document):
    """The tables of a search's targets, one each, in the order of the targets.

    Attributes:
        versions: Of the tables, and
        corrections: of their sums: what the search predicts with, whatever is measured later.
        device: Digest of the device that they are of; empty in documents of earlier versions.
    """

    tables: tuple[TableSummary, ...]
    versions: tuple[int, ...]
    corrections: tuple[Correction, ...]
    device: str = ""

    def table(self, ctx: SearchContext, number: int) -> LookupTable:
        """Return the table of a target as it was.

        Raises:
            MeasurementError: `context_mismatch` where the runtime, or how the machine is powered, is another
                by now.
        """
        target = ctx.spec.targets[number]
        context = context_of(target.context)
        here = host_device().digest
        found = ctx.stores.tables.load(here, context.digest, self.versions[number])
        # Another machine may have a table of that number too.
        if found is None or self.device not in ("", here):
            raise MeasurementError(
                "context_mismatch",
                f"the search was begun on another device, or otherwise than this machine runs now "
                f"({context.label}): bring the runtime's version and power mode back, or start it anew",
            )
        return found.with_correction(_key(ctx, target.latency.metric), self.corrections[number])


class _MeasuredNow(Document):
    """What this search had measured of one context, noted when it was asked for."""

    num_layers: int


def run(ctx: PhaseContext) -> PhaseEnd:
    """Complete the tables of all targets, then check the limits.

    Raises:
        InfeasibleError: `infeasible_limits`, naming the binding limit and the nearest reachable value.
    """
    targets = ctx.spec.targets
    tables = [profile_context(ctx, target.context, target.latency.metric) for target in targets]
    if any(table is None for table in tables):
        return Waiting()
    for target in targets:
        check_limits(ctx, target)
    profiled = [
        (table, target.latency.metric)
        for table, target in zip(tables, targets, strict=True)
        if table is not None
    ]
    ctx.run.save(
        NAME,
        ProfileDocument(
            tables=tuple(table_summary(ctx, table, metric) for table, metric in profiled),
            versions=tuple(ctx.stores.tables.publish(ctx.run.lease, table) for table, _ in profiled),
            device=host_device().digest,
            corrections=tuple(table.corrections[_key(ctx, metric)] for table, metric in profiled),
        ),
    )
    return Done()


def profile_context(ctx: RunContext, spec: ContextSpec, metric: LatencyMetric = PLAIN) -> LookupTable | None:
    """Return the table of a context, complete and calibrated for the space; None while that is measured.

    Args:
        ctx: Whoever needs it.
        spec: The context.
        metric: What is meant by latency: whole networks are measured so, and the sums corrected for it.
    """
    context = context_of(spec)
    measuring = Measuring(
        networks=partial(measure_networks, ctx),
        layers=partial(measured_layers, ctx),
        choose=partial(calibration_set, ctx.space),
    )
    table = renewed(ctx, sound_table(ctx, context), measuring)
    if table is None:
        return None
    missing = table.missing(distinct_layers(ctx.space))
    if missing:
        # A runtime that is used for the first time is probed on the way.
        probes = () if table.graph else probe_subjects(get_runtime(context.runtime).file_format)
        sessions = _measure_layers(ctx, context, missing, probes=probes)
        if sessions is None:
            return None
        graph = graph_by_timing(sessions, probes) or table.graph
        table = table.merged(missing, sessions).model_copy(update={"graph": graph})
        ctx.stores.tables.publish(ctx.run.lease, table)
    if _key(ctx, metric) not in table.corrections:
        points = measure_networks(ctx, table, calibration_set(ctx.space, table), metric)
        if points is None:
            return None
        table = add_points(ctx.space, table, points, metric)
        ctx.stores.tables.publish(ctx.run.lease, table)
    return table


def recheck(ctx: RunContext, table: LookupTable) -> LookupTable | None:
    """Return a table with one session more of each layer that needs it; None while that is measured.

    What was measured today is left as it is: a session on a later day tells more.
    """
    due = table.due(distinct_layers(ctx.space), datetime.now(UTC))
    if not due:
        return table
    wanted = {layer_key(spec): table.entries[layer_key(spec)].num_sessions + 1 for spec in due}
    sessions = _measure_layers(ctx, table.context, due, wanted)
    if sessions is None:
        return None
    table = table.merged(due, sessions)
    ctx.stores.tables.publish(ctx.run.lease, table)
    return table


def calibration_set(space: SearchSpace, table: LookupTable) -> list[Architecture]:
    """Return architectures from cheap to dear, evenly in the logarithm of their sums."""
    rng = np.random.default_rng(_SEED)
    pool = np.unique(spread_architectures(space, _CALIBRATION_POOL, rng), axis=0)
    sums = SlotCosts(space, table.costs_ms(distinct_layers(space))[:, np.newaxis])(pool)[:, 0]
    return [as_architecture(pool[i]) for i in spread_by_cost(sums.astype(np.float64), NUM_CALIBRATION, rng)]


def initial_file(space: SearchSpace, architecture: Architecture, precision: str = "fp32") -> bytes:
    """Return a network exported with initial weights: latency depends on shapes, not on what was learnt.

    Raises:
        UsageError: `not_quantisable`.
    """
    nodes = network(space, architecture)
    classes = tuple(str(i) for i in range(nodes[-1].spec.out_shape[0]))
    facts = describe(space, architecture, class_names=classes, dataset_digest="", resize_rule=RESIZE_RULE)
    content = export_onnx(StaticNetwork(nodes).eval(), facts)
    return content if precision == "fp32" else quantise_on_noise(content)


def measure_networks(
    ctx: RunContext,
    table: LookupTable,
    architectures: Sequence[Architecture],
    metric: LatencyMetric = PLAIN,
) -> list[CalibrationPoint] | None:
    """Return whole networks beside what the table says of them; None while they are measured."""

    def write(architecture: Architecture) -> str:
        return ctx.stores.artifacts.put(initial_file(ctx.space, architecture, table.context.precision))

    files = {architecture_digest(ctx.space, one): partial(write, one) for one in architectures}
    sessions = measured(ctx, metric.context(table.context), metric.timing, files)
    if sessions is None:
        return None
    values = combine_sessions(sessions, metric.statistic)
    return [
        calibration_point(
            table,
            layers_of(ctx.space, one),
            digest=digest,
            measured_ms=values[digest].value_ms,
            rel_sd=values[digest].rel_sd,
        )
        for digest, one in zip(files, architectures, strict=True)
    ]


def add_points(
    space: SearchSpace,
    table: LookupTable,
    points: Sequence[CalibrationPoint],
    metric: LatencyMetric = PLAIN,
) -> LookupTable:
    """Return the table with its correction for a space fitted on further networks, measured by the metric."""
    key = metric.correction_key(space_digest(space))
    known = table.corrections.get(key)
    fitted = refit(known, points) if known else calibrate(points).model_copy(update={"metric": metric})
    return table.with_correction(key, fitted)


def _measure_layers(
    ctx: RunContext,
    context: ExecutionContext,
    layers: Sequence[LayerSpec],
    num_sessions: Mapping[str, int] | None = None,
    probes: Sequence[Subject] = (),
) -> tuple[SessionResult, ...] | None:
    name = _noted(context)
    if not ctx.run.has(name):
        how = "" if context.precision == "fp32" else f" in {context.precision}, quantised on random inputs"
        ctx.progress.say(f"measuring {len(layers)} layers{how} on {host_device().label}")
        ctx.run.save(name, _MeasuredNow(num_layers=len(layers)))
    return measured_layers(ctx, context, layers, num_sessions, probes)


def _key(ctx: RunContext | SearchContext, metric: LatencyMetric) -> str:
    return metric.correction_key(space_digest(ctx.space))


def _noted(context: ExecutionContext) -> str:
    return f"{NAME}.{context.digest[:12]}"


def table_summary(ctx: RunContext, table: LookupTable, metric: LatencyMetric = PLAIN) -> TableSummary:
    """Return what is told of a profiled table."""
    name = _noted(table.context)
    report = table.corrections[_key(ctx, metric)].report
    return TableSummary(
        num_layers=len(distinct_layers(ctx.space)),
        num_measured_now=ctx.run.load(name, _MeasuredNow).num_layers if ctx.run.has(name) else 0,
        median_spread=table.median_rel_sd,
        sessions=table.session_ids,
        report={} if report is None else report.model_dump(mode="json"),
    )
