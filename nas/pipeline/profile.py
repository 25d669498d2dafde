"""Phase `profile`: have measured what the table lacks, calibrate on whole networks, check the limits."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final

from pydantic import Field

from latency_predictors.correction import Correction
from latency_predictors.device import ExecutionContext
from latency_predictors.latency_metric import PLAIN, LatencyMetric
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import graph_by_timing
from nas.jobs import Waiting
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.announcement import announce, noted_name, num_announced
from nas.pipeline.calibrating import (
    add_points,
    calibration_set,
    doubted_ms,
    fitted_to_entries,
    mean_sum_ms,
    measure_networks,
    networks_due,
    recheck_networks,
)
from nas.pipeline.context import Done, PhaseContext, PhaseEnd, RunContext, SearchContext
from nas.pipeline.costs import ARENA, num_uncalibrated, require_arena
from nas.pipeline.damage import sound_table
from nas.pipeline.durations import measuring_s, seconds_of, session_s
from nas.pipeline.energies import profile_energy
from nas.pipeline.energy_model import ENERGY, EnergyModel
from nas.pipeline.golden import undoubted
from nas.pipeline.measuring import measured_layers, probes_of
from nas.pipeline.renewal import Measuring, renewed
from nas.pipeline.same_site import same_site
from nas.pipeline.sharpening import tell_doubt
from nas.pipeline.sites import Site, missing_devices, target_site
from nas.pipeline.tables import check_limits, check_shape_limits, latest_table
from nas.pipeline.unsupported import taken_in
from nas.results import Document, TableSummary, UnsupportedLayer
from search_spaces.base import space_digest
from search_spaces.errors import MeasurementError
from search_spaces.slot_tables import distinct_layers

NAME: Final = "profile"
_JUDGED: Final = f"{NAME}.limits"


class ProfileDocument(Document):
    """The tables of a search's targets, one each, in the order of the targets.

    Attributes:
        versions: Of the tables, and
        corrections: of their sums: what the search predicts with, whatever is measured later.
        devices: Digests of the devices that they are of, and
        contexts: how those ran; both empty in documents of earlier versions.
        energies: What predicts energy at each target, None where nobody asked; empty in earlier documents.
    """

    tables: tuple[TableSummary, ...]
    versions: tuple[int, ...]
    corrections: tuple[Correction, ...]
    device: str = ""  # of all of them, in documents of an earlier version
    devices: tuple[str, ...] = ()
    contexts: tuple[ExecutionContext, ...] = ()
    energies: tuple[EnergyModel | None, ...] = ()

    def energy(self, number: int) -> EnergyModel | None:
        """Return what predicts the energy at a target; None where it is neither optimised nor limited."""
        return self.energies[number] if self.energies else None

    def table(self, ctx: SearchContext, number: int) -> LookupTable:
        """Return the table of a target as it was.

        Raises:
            MeasurementError: `context_mismatch` where the device, its runtime, or how it is powered, is
                another by now.
        """
        target = ctx.spec.targets[number]
        begun_on = self.devices[number] if self.devices else self.device
        site = same_site(ctx, target, begun_on, self.contexts[number] if self.contexts else None)
        found = ctx.stores.tables.load(site.device.digest, site.context.digest, self.versions[number])
        if found is None:
            raise MeasurementError(
                "context_mismatch",
                f"the search was begun otherwise than '{target.device}' runs now ({site.context.label}): "
                "bring the runtime's version and power mode back, or start it anew",
            )
        return found.with_correction(_key(ctx, target.latency.metric), self.corrections[number])


class Due(Document):
    """Sessions that a profile wants behind what needs one more; see `noted_due`.

    Attributes:
        sessions: Behind layers, by their keys, and
        networks: behind networks that the table is calibrated with, by their digests; none in documents of
            earlier versions.
    """

    sessions: dict[str, int]
    networks: dict[str, int] = Field(default_factory=dict)


class _Judged(Document):
    """Limits were held against what shapes alone tell."""


def run(ctx: PhaseContext) -> PhaseEnd:
    """Complete the tables of all targets, then check the limits. What is missing is waited for together.

    Limits that shapes alone rule out are refused before anything is measured or waited for.

    Raises:
        InfeasibleError: `infeasible_limits`, naming the binding limit and the nearest reachable value.
        MeasurementError: `no_meter` or `arena_unknown` where what is asked for cannot be had on a device.
    """
    targets = ctx.spec.targets
    if not ctx.run.has(_JUDGED):
        for target in targets:
            check_shape_limits(ctx, target)
        ctx.run.save(_JUDGED, _Judged())
    missing = missing_devices(ctx)
    there = [(target, target_site(ctx, target)) for target in targets if target.device not in missing]
    for target, site in there:
        if ARENA in ctx.spec.wanted(target):
            require_arena(ctx.space, site)
    tables = [profile_site(ctx, site, target.latency.metric) for target, site in there]
    if missing or any(table is None for table in tables):
        return Waiting(devices=missing)
    profiled = [table for table in tables if table is not None]
    energies = _energies(ctx, profiled)
    if energies is None:
        return Waiting()
    for target, energy in zip(targets, energies, strict=True):
        check_limits(ctx, target, energy)
    for target, table in zip(targets, profiled, strict=True):
        if target.latency.metric == PLAIN:
            tell_doubt(ctx, table)
    ctx.run.save(NAME, _document(ctx, profiled, energies))
    return Done()


def _document(
    ctx: PhaseContext, tables: Sequence[LookupTable], energies: tuple[EnergyModel | None, ...]
) -> ProfileDocument:
    """Publish the tables of the targets, and return what the phase leaves."""
    profiled = [(table, one.latency.metric) for table, one in zip(tables, ctx.spec.targets, strict=True)]
    return ProfileDocument(
        tables=tuple(table_summary(ctx, table, metric) for table, metric in profiled),
        versions=tuple(ctx.stores.tables.publish(ctx.run.lease, table) for table, _ in profiled),
        devices=tuple(table.device.digest for table, _ in profiled),
        contexts=tuple(table.context for table, _ in profiled),
        corrections=tuple(table.corrections[_key(ctx, metric)] for table, metric in profiled),
        energies=energies,
    )


def _energies(ctx: PhaseContext, tables: Sequence[LookupTable]) -> tuple[EnergyModel | None, ...] | None:
    """Return what predicts the energy at each target, None where it is not wanted; None while it is measured.

    Raises:
        MeasurementError: `no_meter` where a device has none.
    """
    models: list[EnergyModel | None] = []
    waits = False
    for target, table in zip(ctx.spec.targets, tables, strict=True):
        wanted = ENERGY in ctx.spec.wanted(target)
        models.append(profile_energy(ctx, table) if wanted else None)
        waits |= wanted and models[-1] is None
    return None if waits else tuple(models)


def profile_site(ctx: RunContext, site: Site, metric: LatencyMetric = PLAIN) -> LookupTable | None:
    """Return the table of a site, complete and calibrated for the space; None while that is measured.

    Args:
        ctx: Whoever needs it.
        site: The device and the context.
        metric: What is meant by latency: whole networks are measured so, and the sums corrected for it.
    """
    measuring = Measuring(
        networks=partial(measure_networks, ctx),
        layers=lambda table, layers, probes: measured_layers(ctx, Site.of(table), layers, probes=probes),
        choose=partial(calibration_set, ctx.space),
    )
    stored = sound_table(ctx, site)
    table = renewed(ctx, undoubted(ctx, stored), measuring)
    if table is None:
        return None
    table = _completed(ctx, site, table, metric)
    if table is None:
        return None
    table = fitted_to_entries(ctx.space, table)
    if _key(ctx, metric) not in table.corrections:
        chosen = calibration_set(ctx.space, table)
        points = measure_networks(ctx, table, chosen, metric)
        if points is None:
            network_ms = mean_sum_ms(ctx.space, table, chosen)
            seconds = measuring_s(0, len(chosen), metric, network_ms)
            announce(ctx, site, 0, len(chosen), seconds, metric)
            return None
        table = add_points(ctx.space, table, points, metric)
    if table.corrections != stored.corrections:
        ctx.stores.tables.publish(ctx.run.lease, table)
    return table


def _completed(ctx: RunContext, site: Site, table: LookupTable, metric: LatencyMetric) -> LookupTable | None:
    """Return a table with what it lacks of the space; None while that is measured.

    A runtime that is used for the first time is probed on the way; so is a new version of it whose layers
    all hold.
    """
    missing = table.missing(distinct_layers(ctx.space))
    probes = () if table.known_graph else probes_of(site.context)
    if not missing and not probes:
        return table
    networks = num_uncalibrated(ctx.space, table, metric)
    seconds = measuring_s(len(missing) + len(probes), networks, metric)
    announce(ctx, site, len(missing), networks, seconds, metric)
    found = measured_layers(ctx, site, missing, probes=probes)
    if found is None:
        return None
    graph = graph_by_timing(found.sessions, probes) or table.graph
    table = taken_in(ctx, table, missing, found).model_copy(update={"graph": graph})
    ctx.stores.tables.publish(ctx.run.lease, table)
    return table


def noted_due(ctx: RunContext, site: Site) -> Due:
    """Return the sessions that are to be behind each layer, and each suspect network, which needs one more.

    Only those of this context count: what holds of another version is measured as if it were not there.
    Noted before the job measures anything: what its own sessions leave in doubt is left to another job, so
    that a device which is never at rest keeps none for ever.
    """
    name = f"{noted_name(site)}.due"
    if not ctx.run.has(name):
        table = latest_table(ctx.stores, site)
        due = map(layer_key, table.due(distinct_layers(ctx.space), datetime.now(UTC)))
        wanted = {key: max(table.entries[key].num_own + 1, NUM_SESSIONS) for key in due}
        ctx.run.save(name, Due(sessions=wanted, networks=networks_due(ctx, table)))
    return ctx.run.load(name, Due)


def recheck(ctx: RunContext, table: LookupTable, noted: Due) -> LookupTable | None:
    """Return a table with one session more of what needs it; None while that is measured.

    Its corrections for the space are fitted again, on the sums of what the layers take by now.

    Args:
        ctx: The job.
        table: Complete.
        noted: As `noted_due` gives it; what does not need it any more is left out.
    """
    due = [
        spec
        for spec in table.due(distinct_layers(ctx.space), datetime.now(UTC))
        if table.entries[layer_key(spec)].num_own < noted.sessions.get(layer_key(spec), 0)
    ]
    if due:
        wanted = {layer_key(spec): noted.sessions[layer_key(spec)] for spec in due}
        num_again = sum(wanted[key] - table.entries[key].num_own for key in wanted)
        network_s = seconds_of(PLAIN, doubted_ms(ctx.space, table, noted.networks))
        seconds = session_s(num_again, len(noted.networks), network_s)
        announce(ctx, Site.of(table), len(due), len(noted.networks), seconds)
        found = measured_layers(ctx, Site.of(table), due, wanted)
        if found is None:
            return None
        table = fitted_to_entries(ctx.space, taken_in(ctx, table, due, found))
        ctx.stores.tables.publish(ctx.run.lease, table)
    again = recheck_networks(ctx, table, noted.networks)
    if again is not None and again is not table:
        ctx.stores.tables.publish(ctx.run.lease, again)
    return again


def _key(ctx: RunContext | SearchContext, metric: LatencyMetric) -> str:
    return metric.correction_key(space_digest(ctx.space))


def table_summary(ctx: RunContext, table: LookupTable, metric: LatencyMetric = PLAIN) -> TableSummary:
    """Return what is told of a profiled table."""
    layers = distinct_layers(ctx.space)
    report = table.corrections[_key(ctx, metric)].report
    return TableSummary(
        num_layers=len(layers),
        num_measured_now=num_announced(ctx, Site.of(table)),
        median_spread=table.median_rel_sd,
        sessions=table.session_ids,
        report={} if report is None else report.model_dump(mode="json"),
        unsupported=tuple(
            UnsupportedLayer(signature=spec.signature(), code=why.code, message=why.message)
            for spec, why in table.unsupported(layers).items()
        ),
        states=table.states_of(layers),
    )
