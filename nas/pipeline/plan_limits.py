"""Whether what a search asks for can be had, as far as that is known before anything is measured or timed."""

from latency_predictors.agent_protocol import HOST
from latency_predictors.meters import require_meter
from nas.pipeline.context import SearchContext
from nas.pipeline.costs import ARENA, require_arena
from nas.pipeline.energy_model import ENERGY
from nas.pipeline.sites import target_site
from nas.pipeline.tables import check_known_limits
from nas.specs import TargetSpec


def shares_within_limits(ctx: SearchContext) -> tuple[float | None, ...]:
    """Return the share of random architectures that keep the limits of each target.

    None where a limit cannot be judged before something is measured: that of latency before the device is
    profiled, that of energy before the search. The other limits, and the other targets, are judged all the
    same.

    Raises:
        InfeasibleError: `infeasible_limits`.
        MeasurementError: `no_meter` or `arena_unknown` where what is asked for cannot be had.
    """
    for target in ctx.spec.targets:
        _check_measurable(ctx, target)
    return tuple(check_known_limits(ctx, target) for target in ctx.spec.targets)


def _check_measurable(ctx: SearchContext, target: TargetSpec) -> None:
    """Refuse what nobody can tell of a target; whether a board has a meter is known to its agent only."""
    wanted, here = ctx.spec.wanted(target), target.device == HOST
    if ENERGY in wanted and here:
        require_meter(ctx.settings.meter_log)
    if ARENA in wanted and (here or ctx.stores.agents.find(ctx.tenant, target.device)):
        require_arena(ctx.space, target_site(ctx, target))
