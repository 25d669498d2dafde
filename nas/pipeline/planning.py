"""What a search would cost on this machine: `hwnas plan`, and how a running search splits its budget.

Training and scoring are timed on the real images, and so is decoding, on a few of those that are left.
"""

from latency_predictors.processors import usable_cpus
from nas.data.facts import facts_of
from nas.pipeline.context import PhaseContext, SearchContext
from nas.pipeline.options import options_of, quantised_precisions, recipe_of
from nas.pipeline.plan import Basis, Plan, epochs_for, other_phases, plan_of
from nas.pipeline.plan_limits import shares_within_limits
from nas.pipeline.shift import answers_name
from nas.pipeline.tables import known_table
from nas.pipeline.train import trained_supernet
from nas.pipeline.trained import Trained, started, training_key
from nas.specs import Precision
from nas.task_events import SupernetTimed
from nas.tasks import TimeSupernet, WholeSpace
from search_spaces.slot_tables import resolutions


def make_plan(ctx: SearchContext) -> Plan:
    """Work out what a search would cost on this machine, with what is there already taken into account.

    What the search would refuse is refused here, before anything is timed.

    Raises:
        InfeasibleError: `infeasible_limits`, as far as they can be judged before anything is measured.
        MeasurementError: `no_meter` or `arena_unknown` where what is asked for cannot be had.
    """
    shares = shares_within_limits(ctx)
    return plan_of(basis_of(ctx), shares)


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
    ctx.progress.say("timing training on these images, for about a quarter of a minute at most")
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
