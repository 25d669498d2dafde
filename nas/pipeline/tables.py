"""What is known of the devices of targets: their lookup tables, whether limits can be met."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from latency_predictors.agent_protocol import HOST
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.lookup_table import LookupTable
from nas.candidates import Predictor
from nas.feasibility import NUM_SAMPLES, Feasibility, check_feasible, infeasible_message
from nas.pipeline.context import Reads, SearchContext
from nas.pipeline.costs import ARENA, cost_predictors, known_predictors, limits_of
from nas.pipeline.energy_model import ENERGY, EnergyModel
from nas.pipeline.sites import Site, target_site
from nas.specs import TargetSpec
from nas.store.stores import Stores
from search_spaces.base import SearchSpace
from search_spaces.errors import ArtifactError, InfeasibleError

NUM_SAMPLED: Final = 20_000
"""Random architectures behind a share of the space that is only told: its interval is below a point."""


def latest_table(stores: Stores, site: Site) -> LookupTable:
    """Return the table of a site; an empty one where nothing has been measured.

    One that is damaged has no entries either, until a phase has made it again (`nas.pipeline.damage`).
    """
    try:
        return stored_table(stores, site)
    except ArtifactError:
        return emptied_table(stores, site)


def known_table(ctx: Reads, target: TargetSpec) -> LookupTable:
    """Return the table of a target; an empty one where nothing is measured, or the device not registered."""
    if target.device != HOST and ctx.stores.agents.find(ctx.tenant, target.device) is None:
        nowhere = Device(target.device, (), 1, 0, "", "", registered=target.device)
        return LookupTable(
            device=nowhere, context=ExecutionContext(runtime_version="", **target.context.model_dump())
        )
    return latest_table(ctx.stores, target_site(ctx, target))


def stored_table(stores: Stores, site: Site) -> LookupTable:
    """Return the table of a site likewise.

    Raises:
        ArtifactError: It is damaged.
    """
    found = stores.tables.load(site.device.digest, site.context.digest)
    return found or LookupTable(device=site.device, context=site.context)


def emptied_table(stores: Stores, site: Site) -> LookupTable:
    """Return it without its entries: its corrections are rows of the database."""
    kept = stores.tables.corrections(site.device.digest, site.context.digest)
    return LookupTable(device=site.device, context=site.context, corrections=kept)


def check_limits(ctx: SearchContext, target: TargetSpec, energy: EnergyModel | None = None) -> float:
    """Return the share of random architectures that keep a target's limits.

    Args:
        ctx: The search.
        target: With its limits; that of energy is left out where nothing predicts it yet.
        energy: What predicts it.

    Raises:
        InfeasibleError: `infeasible_limits`.
    """
    table = latest_table(ctx.stores, target_site(ctx, target))
    limits = limits_of(ctx.space, table, target.limits)
    if energy is None:
        limits.pop(ENERGY, None)
    if not limits:
        return 1.0
    predictors = {**cost_predictors(ctx.space, table, target.latency.metric)}
    if energy is not None:
        predictors[ENERGY] = energy.predictor(ctx.space, table)
    return _share_within(ctx, limits, predictors)


def check_known_limits(ctx: SearchContext, target: TargetSpec) -> float | None:
    """Return the same before anything is measured; None where a limit cannot be judged before that.

    The other limits of the target are judged all the same.

    Args:
        ctx: The search.
        target: With its limits; its device may be one that is not registered.

    Raises:
        InfeasibleError: `infeasible_limits`.
    """
    limits, predictors = _known_limits(ctx.space, target, known_table(ctx, target))
    share = _share_within(ctx, limits, predictors) if limits else 1.0
    return share if target.limits.keys() <= limits.keys() else None


def check_shape_limits(ctx: SearchContext, target: TargetSpec) -> None:
    """Check the limits that follow from shapes alone.

    That of latency is none of them: what a table in doubt says of it is measured again first.

    Raises:
        InfeasibleError: `infeasible_limits`.
    """
    limits = {name: limit for name, limit in target.limits.items() if name != "latency_ms"}
    check_known_limits(ctx, target.model_copy(update={"limits": limits}))


def _share_within(
    ctx: SearchContext, limits: Mapping[str, float], predictors: Mapping[str, Predictor]
) -> float:
    rng = np.random.default_rng(ctx.spec.seed)
    # What follows the runtime step by step takes a third of a millisecond an architecture.
    num_samples = NUM_SAMPLED if ARENA in limits else NUM_SAMPLES
    found = check_feasible(ctx.space, limits, predictors, rng, num_samples)
    if not found.feasible:
        raise InfeasibleError("infeasible_limits", infeasible_message(found))
    return found.share


def known_feasibility(space: SearchSpace, target: TargetSpec, table: LookupTable, seed: int) -> Feasibility:
    """Look whether a target's limits can be met, as far as that is known without measuring.

    Args:
        space: What is searched.
        target: With its limits; that of latency is left out where the table cannot tell it yet, and that of
            the arena: following the runtime takes seconds, and who asks here does not wait.
        table: Of the target.
        seed: Of the random architectures.
    """
    limits, predictors = _known_limits(space, target, table)
    limits.pop(ARENA, None)
    return check_feasible(space, limits, predictors, np.random.default_rng(seed), NUM_SAMPLED)


def _known_limits(
    space: SearchSpace, target: TargetSpec, table: LookupTable
) -> tuple[dict[str, float], Mapping[str, Predictor]]:
    """Return the limits of a target that can be judged without measuring, and what judges them."""
    predictors = known_predictors(space, table, target.latency.metric)
    asked = limits_of(space, table, target.limits)
    return {name: limit for name, limit in asked.items() if name in predictors}, predictors
