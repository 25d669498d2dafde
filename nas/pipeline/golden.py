"""Golden subjects as phases see them: asked for before anything else, and what is in doubt set aside."""

from collections.abc import Callable

from latency_predictors.doubt import without_doubted
from latency_predictors.golden import SUBJECTS
from latency_predictors.lookup_table import LookupTable
from latency_predictors.measure import LAYER_PROTOCOL
from nas.measurement_tasks import CHECK_RANK, MeasurementTask
from nas.pipeline.context import RunContext
from nas.pipeline.sites import Site
from nas.store.golden_store import SESSIONS
from search_spaces.base import space_digest
from search_spaces.layers import LayerSpec


def ask_golden(ctx: RunContext, site: Site, made: Callable[[LayerSpec], bytes]) -> None:
    """Have the golden subjects measured where a board was never checked in a context; the job waits for that.

    Where a check that is due cannot be made, it is asked for anew, with files that are made again.

    Args:
        ctx: The job.
        site: The board and the context.
        made: Returns a layer as a file, in the context's precision.
    """
    if not site.device.registered:
        return
    where, golden = (site.device.digest, site.context.digest), ctx.stores.golden
    if not golden.unchecked(*where) and not golden.is_stuck(*where):
        return
    tasks = [
        MeasurementTask(
            site.device,
            site.context,
            LAYER_PROTOCOL,
            subject,
            ctx.stores.artifacts.put(made(spec)),
            SESSIONS,
            rank=CHECK_RANK,
        )
        for subject, spec in SUBJECTS.items()
    ]
    report = ctx.stores.measurements.enqueue(ctx.run.lease, tasks)
    # A board that cannot measure them goes on without a check: its files tell by themselves what they lack.
    if any(not failed.unsupported for failed in report.failed):
        # What failed while the job waited for it is told first, and tried when it is asked for once more.
        ctx.stores.measurements.enqueue(ctx.run.lease, tasks)


def undoubted(ctx: RunContext, table: LookupTable) -> LookupTable:
    """Return a table without what is in doubt, so that it is measured again; tell why.

    Its corrections for the space go on without the networks in doubt, where enough others are left.
    """
    where = table.device.digest, table.context.digest
    doubted = ctx.stores.golden.doubted(*where)
    sound = table.without_sessions(doubted)
    if sound.entries != table.entries:
        why = doubted[next(one for one in table.session_ids if one in doubted)]
        _tell(ctx, f"{len(table.entries)} layers of {table.device.label}", why)
    doubt, kept = ctx.stores.golden.doubted_networks(*where), {}
    for key, known in sound.corrections.items():
        own = key == known.metric.correction_key(space_digest(ctx.space))
        left = without_doubted(known, doubt) if own else known
        if left is None:
            why = next(filter(None, map(doubt.why, known.points)))
            _tell(ctx, f"whole networks on {table.device.label}", why)
        else:
            kept[key] = left
    return sound.model_copy(update={"corrections": kept})


def _tell(ctx: RunContext, what: str, why: str) -> None:
    ctx.progress.say(f"{what}: what sessions in doubt found is measured again ({why})")
