"""Energy as an objective or a limit: what a meter on the device sees of whole networks.

What is predicted from that is `fitted`; every point of a front was measured. A device without a meter is
refused before anything is trained.
"""

from latency_predictors.calibration import calibration_point
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.energy_sessions import SessionsEnergy, combine_energies
from latency_predictors.lookup_table import LookupTable
from nas.pipeline.calibrating import calibration_set, initial_files
from nas.pipeline.context import RunContext
from nas.pipeline.energy_model import EnergyModel
from nas.pipeline.measuring import check_ran
from nas.pipeline.sites import Site
from nas.pipeline.unsupported import check_enough
from nas.pipeline.watched_files import watched_as_far
from search_spaces.base import Architecture, SearchSpace, architecture_digest
from search_spaces.network import layers as layers_of


def profile_energy(ctx: RunContext, table: LookupTable) -> EnergyModel | None:
    """Return what predicts energy with a table; None while networks are measured with a meter.

    Args:
        ctx: The search.
        table: With an entry for every layer of the space.

    Raises:
        MeasurementError: `no_meter`, `meter_stopped`, `meter_too_slow`, `too_few_run`, `published_values`
            where a board answers with what somebody published, or what else keeps the device from being
            measured.
        UsageError: `mixed_energy`.
    """
    chosen = calibration_set(ctx.space, table)
    files = initial_files(ctx, table, chosen)
    found = watched_as_far(ctx, Site.of(table), files)
    if found is None:
        return None
    check_ran(Site.of(table), found.sessions)
    check_enough(found.unsupported, len(files), "networks")
    energies = combine_energies(found.sessions)
    points = [
        energy_point(ctx.space, table, one, energies[digest])
        for digest, one in zip(files, chosen, strict=True)
        if digest in energies
    ]
    some = next(iter(energies.values()))
    return EnergyModel.of(points, some.meter, some.gross.scope)


def energy_point(
    space: SearchSpace,
    table: LookupTable,
    architecture: Architecture,
    energy: SessionsEnergy,
    predicted_mj: tuple[float, float] | None = None,
) -> CalibrationPoint:
    """Return a network's energy beside the sum of its layers; what `CalibrationPoint` calls ms are mJ."""
    return calibration_point(
        table,
        layers_of(space, architecture),
        digest=architecture_digest(space, architecture),
        measured_ms=energy.gross.value_mj,
        rel_sd=energy.rel_sd,
        predicted_ms=predicted_mj,
    ).found_in(energy.session_ids, energy.measured_at)
