"""What a search would cost on this machine: `hwnas plan`, and how a running search splits its budget.

Training and scoring are timed on the real images, and so is decoding, on a few of those that are left.
"""

from latency_predictors.processors import usable_cpus
from nas.data.facts import facts_of
from nas.pipeline.context import PhaseContext, SearchContext
from nas.pipeline.costs import is_profiled
from nas.pipeline.options import options_of, quantised_precisions, recipe_of
from nas.pipeline.plan import Basis, Plan, epochs_for, other_phases, plan_of
from nas.pipeline.shift import answers_name
from nas.pipeline.tables import check_limits, known_table
from nas.pipeline.train import trained_supernet
from nas.pipeline.trained import Trained, started, training_key
from nas.specs import Precision
from nas.task_events import SupernetTimed
from nas.tasks import TimeSupernet, WholeSpace
from search_spaces.slot_tables import resolutions


def make_plan(ctx: SearchContext) -> Plan:
    """Work out what a search would cost on this machine, with what is there already taken into account.

    Raises:
        InfeasibleError: `infeasible_limits`, where the device is profiled and no architecture keeps them.
    """
    basis = basis_of(ctx)
    return plan_of(basis, _shares(ctx, basis))


def planned_epochs(ctx: PhaseContext) -> int:
    """Return the epochs that a search will train: those that it has begun with, else as its plan says."""
    if ctx.spec.supernet.epochs is not None:
        return ctx.spec.supernet.epochs
    for one in started(ctx, training_key(ctx, WholeSpace())):
        if one.trainer == ctx.run.id:
            return one.epochs
    basis = basis_of(ctx)
    return epochs_for(basis, sum(phase.seconds for phase in other_phases(basis)))[0]


def basis_of(ctx: SearchContext) -> Basis:
    """Return what the plan of a search is worked out from; times training and scoring here."""
    found = trained_supernet(ctx)
    return Basis(
        spec=ctx.spec,
        space=ctx.space,
        images=facts_of(ctx.dataset.report.as_dict()),
        tables=tuple(known_table(ctx, one) for one in ctx.spec.targets),
        trained_epochs=None if found is None else found.epochs,
        begun_epochs=tuple(one.epochs for one in started(ctx, training_key(ctx, WholeSpace()))),
        scored=_scored(ctx, found),
        throughput=_throughput(ctx),
        images_left=ctx.dataset.left(resolutions(ctx.space)),
        image_bytes=ctx.dataset.kept_bytes(resolutions(ctx.space)),
        room=max(usable_cpus() // ctx.settings.training_workers, 1),
    )


def _throughput(ctx: SearchContext) -> SupernetTimed:
    task = TimeSupernet(ctx.inputs, recipe_of(ctx.spec).name, options_of(ctx.spec, epochs=1), ctx.spec.seed)
    (timed,) = ctx.compute.run(task)
    assert isinstance(timed, SupernetTimed)
    return timed


def _scored(ctx: SearchContext, found: Trained | None) -> frozenset[Precision]:
    """Return the precisions in which subnets of a finished supernet are scored."""
    if found is None:
        return frozenset()
    names: dict[Precision, str] = {one: answers_name(one) for one in quantised_precisions(ctx.spec)}
    names["fp32"] = "answers"
    kept = {one: ctx.stores.supernets.answers(ctx.tenant, found.id, name) for one, name in names.items()}
    return frozenset(one for one, digest in kept.items() if digest)


def _shares(ctx: SearchContext, basis: Basis) -> tuple[float | None, ...]:
    asked = list(zip(ctx.spec.targets, basis.tables, strict=True))
    if not all(is_profiled(ctx.space, table, target.latency.metric) for target, table in asked):
        return tuple(None for _ in asked)
    return tuple(check_limits(ctx, target) for target, _ in asked)
