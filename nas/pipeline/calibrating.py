"""Whole networks that tables are calibrated with: which, as files, measured, and joined to the correction."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from latency_predictors.calibration import (
    calibrate,
    calibration_point,
    counted_points,
    fit_again,
    is_outdated,
    refit,
    summed_again,
)
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.kernel_lists import told_kernels
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.layer_shares import LayerParts
from latency_predictors.lookup_table import LookupTable
from latency_predictors.memory import boundary_mib, touched_mib
from latency_predictors.network_design import (
    correction_regressors,
    spread_by_cost,
    telling_apart,
)
from latency_predictors.slot_costs import SlotCosts
from latency_predictors.spread import combine_sessions
from nas.data.decode import RESIZE_RULE
from nas.export.metadata import describe
from nas.export.untrained import network_file
from nas.pipeline.amounts import NUM_CALIBRATION, NUM_SESSIONS
from nas.pipeline.context import RunContext
from nas.pipeline.measuring import check_ran, measured_as_far
from nas.pipeline.sites import Site, metric_site
from nas.pipeline.unsupported import check_enough, runnable
from nas.training.recipes import spread_architectures
from search_spaces.base import (
    Architecture,
    IntArray,
    SearchSpace,
    architecture_digest,
    space_digest,
)
from search_spaces.network import layers as layers_of
from search_spaces.network import network
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers

_CALIBRATION_POOL: Final = 4_000
_SEED: Final = 0


def calibration_set(space: SearchSpace, table: LookupTable) -> list[Architecture]:
    """Return architectures from cheap to dear, evenly in the logarithm of their sums.

    Of those that cost about as much, it is the one that tells the coefficients of the correction apart best.

    Raises:
        MeasurementError: `too_few_run` where each has a layer that the runtime cannot run.
    """
    pool, layers = calibration_pool(space, table), distinct_layers(space)
    columns_LW = np.stack(
        [
            table.costs_ms(layers).astype(np.float64),
            np.ones(len(layers)),
            np.array([boundary_mib(spec) for spec in layers]),
            np.array([touched_mib(spec, table.context.batch) for spec in layers]),
            np.array([float(spec.macs) for spec in layers]),
        ],
        axis=1,
    )
    sums, *others = SlotCosts(space, columns_LW)(pool).T
    pick = telling_apart(correction_regressors(sums, *others))
    return [as_architecture(pool[i]) for i in spread_by_cost(sums, NUM_CALIBRATION, pick)]


def mean_sum_ms(space: SearchSpace, table: LookupTable, architectures: Sequence[Architecture]) -> float:
    """Return what networks take on average by the bare sums of their layers, in milliseconds.

    Raises:
        MeasurementError: `missing_layers`.
    """
    sums = [table.costs_ms(layers_of(space, one)).sum() for one in architectures]
    return float(np.mean(sums))


def calibration_pool(space: SearchSpace, table: LookupTable) -> IntArray:
    """Return architectures that run, (n, choices)."""
    rng = np.random.default_rng(_SEED)
    pool = np.unique(spread_architectures(space, _CALIBRATION_POOL, rng), axis=0)
    return runnable(space, table, pool)


def initial_file(space: SearchSpace, architecture: Architecture, precision: str = "fp32") -> bytes:
    """Return a network exported with random weights, the same ones each time: latency depends on shapes.

    Raises:
        UsageError: `not_quantisable`.
    """
    nodes = network(space, architecture)
    classes = tuple(str(i) for i in range(nodes[-1].spec.out_shape[0]))
    facts = describe(space, architecture, class_names=classes, dataset_digest="", resize_rule=RESIZE_RULE)
    return network_file(nodes, facts, precision)


def initial_files(
    ctx: RunContext, table: LookupTable, architectures: Sequence[Architecture]
) -> dict[str, Callable[[], str]]:
    """Return what stores the initial file of each architecture for a table's context, by their digests."""

    def write(architecture: Architecture) -> str:
        return ctx.stores.artifacts.put(initial_file(ctx.space, architecture, table.context.precision))

    return {architecture_digest(ctx.space, one): partial(write, one) for one in architectures}


def measure_networks(
    ctx: RunContext,
    table: LookupTable,
    architectures: Sequence[Architecture],
    metric: LatencyMetric = PLAIN,
    num_sessions: Mapping[str, int] | None = None,
) -> list[CalibrationPoint] | None:
    """Return whole networks that run beside what the table says of them; None while they are measured.

    Args:
        ctx: The job.
        table: With an entry for every layer of theirs.
        architectures: Of the networks.
        metric: How they are measured.
        num_sessions: Sessions that are to be behind a network, by its digest; `NUM_SESSIONS` if not given.

    Raises:
        MeasurementError: `too_few_run`, `published_values` where a board answers with what somebody
            published, or what keeps the device from being measured.
    """
    files = initial_files(ctx, table, architectures)
    found = measured_as_far(ctx, metric_site(Site.of(table), metric), metric.timing, files, num_sessions)
    if found is None:
        return None
    check_ran(Site.of(table), found.sessions)
    check_enough(found.unsupported, len(files), "networks")
    values = combine_sessions(found.sessions, metric.statistic)
    kernels = told_kernels(found.sessions)
    return [
        calibration_point(
            table,
            layers_of(ctx.space, one),
            digest=digest,
            measured_ms=values[digest].value_ms,
            rel_sd=values[digest].rel_sd,
            suspect=values[digest].suspect,
            architecture=one,
        )
        .found_in(values[digest].session_ids, values[digest].measured_at)
        .model_copy(update={"kernels": kernels.get(digest, {})})
        for digest, one in zip(files, architectures, strict=True)
        if digest in values
    ]


def networks_due(ctx: RunContext, table: LookupTable) -> dict[str, int]:
    """Return the sessions that are to be behind each suspect network of the plain correction, by digest."""
    digests = [point.digest for point in _suspect(ctx.space, table)]
    where = (table.device.digest, table.context.digest, PLAIN.timing)
    there = ctx.stores.measurements.measured(*where, digests)
    return {digest: max(there.get(digest, 0) + 1, NUM_SESSIONS) for digest in digests}


def doubted_ms(space: SearchSpace, table: LookupTable, noted: Mapping[str, int]) -> float:
    """Return what the suspect networks among those that are noted take on average; 0 without any."""
    values = [point.measured_ms for point in _suspect(space, table) if point.digest in noted]
    return float(np.mean(values)) if values else 0.0


def recheck_networks(ctx: RunContext, table: LookupTable, noted: Mapping[str, int]) -> LookupTable | None:
    """Return a table calibrated with what suspect networks take now; None while that is measured.

    Args:
        ctx: The job.
        table: The same is returned where nothing is to be measured.
        noted: As `networks_due` gave it when the job began.

    Raises:
        MeasurementError: As `measure_networks`.
    """
    doubted = [point.architecture for point in _suspect(ctx.space, table) if point.digest in noted]
    if not doubted:
        return table
    points = measure_networks(ctx, table, doubted, num_sessions=noted)
    return None if points is None else add_points(ctx.space, table, points)


def _suspect(space: SearchSpace, table: LookupTable) -> list[CalibrationPoint]:
    correction = table.corrections.get(PLAIN.correction_key(space_digest(space)))
    known = () if correction is None else correction.points
    return [point for point in known if point.suspect and point.architecture]


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


def fitted_to_entries(space: SearchSpace, table: LookupTable) -> LookupTable:
    """Return the table with its corrections for a space fitted on what its entries say of the networks now.

    When layers are measured again, or an older search publishes what it knew, the sums that a correction was
    fitted on are not those that it is used with. Networks of earlier versions, of which the digest alone is
    known, keep their sums. What a version fitted that knew fewer terms, or less of shares, is fitted anew.

    Args:
        space: The space.
        table: The same is returned where nothing is fitted anew, or where it lacks layers of the space.
    """
    if table.missing(distinct_layers(space)):
        return table
    digest, fitted = space_digest(space), table
    for key, correction in table.corrections.items():
        if key != correction.metric.correction_key(digest):
            continue
        points = tuple(
            summed_again(table, layers_of(space, one.architecture), one) if one.architecture else one
            for one in correction.points
        )
        if points != correction.points or is_outdated(correction) or _knows_less_of_shares(correction):
            fitted = fitted.with_correction(key, fit_again(correction, points))
    return fitted


def _knows_less_of_shares(correction: Correction) -> bool:
    """Return whether it does not say how much its shares differ, or which of them are of few networks."""
    if not correction.shares:
        return False
    seldom = LayerParts.of(counted_points(correction.points)).seldom()
    return not correction.share_sd or correction.seldom != seldom
