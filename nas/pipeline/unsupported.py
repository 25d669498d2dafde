"""What a runtime cannot run: noted in the table, named, and left out of what is searched for that target.

A network has every layer that its table has, so one lone layer that does not run leaves out the architectures
that hold it, and those alone.
"""

from collections.abc import Mapping, Sequence

from latency_predictors.filling import with_unsupported
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.predictor import unsupported_layers
from latency_predictors.table_entry import Unsupported
from nas.measurement_tasks import FailedTask
from nas.pipeline.context import RunContext
from nas.pipeline.measuring import MeasuredAsFar
from search_spaces.base import IntArray, SearchSpace
from search_spaces.errors import MeasurementError
from search_spaces.layers import LayerSpec
from search_spaces.slot_tables import distinct_layers

Why = Unsupported | FailedTask


def taken_in(
    ctx: RunContext, table: LookupTable, layers: Sequence[LayerSpec], found: MeasuredAsFar
) -> LookupTable:
    """Return a table with what was measured of layers, and with those noted that the runtime cannot run.

    Raises:
        MeasurementError: `too_few_run` where it cannot run most layers of the space.
    """
    table = table.merged(layers, found.sessions)
    keyed = {layer_key(spec): spec for spec in table.untried(layers)}
    failed = {
        keyed[key]: Unsupported(code=why.code, message=why.message)
        for key, why in found.unsupported.items()
        if key in keyed
    }
    if not failed:
        return table
    every = distinct_layers(ctx.space)
    check_enough({**table.unsupported(every), **failed}, len(every), "layers")
    for spec, reason in failed.items():
        ctx.progress.say(
            f"networks with layer {spec.signature()} are left out, {table.context.runtime} cannot run it: "
            f"{reason.message}"
        )
    return with_unsupported(table, failed)


def check_enough(unsupported: Mapping[str, Why] | Mapping[LayerSpec, Why], count: int, what: str) -> None:
    """Refuse to go on where the runtime cannot run half of something: a fit on the rest would flatter.

    Args:
        unsupported: What does not run, with why.
        count: Of all.
        what: They are, in words.

    Raises:
        MeasurementError: `too_few_run`.
    """
    if 2 * len(unsupported) > count:
        raise _too_few_run(f"{len(unsupported)} of {count} {what} of this space", unsupported)


def runnable(space: SearchSpace, table: LookupTable, archs: IntArray) -> IntArray:
    """Return the architectures without a layer that the runtime of a table cannot run.

    Raises:
        MeasurementError: `too_few_run` where there is none.
    """
    runs: IntArray = archs[unsupported_layers(space, table)(archs) == 0]
    if len(archs) and not len(runs):
        named = table.unsupported(distinct_layers(space))
        raise _too_few_run(f"a layer of each of {len(archs)} networks of this space", named)
    return runs


def _too_few_run(what: str, unsupported: Mapping[str, Why] | Mapping[LayerSpec, Why]) -> MeasurementError:
    first = next(iter(unsupported.values()))
    return MeasurementError(
        "too_few_run",
        f"the runtime cannot run {what} (the first: {first.code}, {first.message}): take another runtime, "
        "precision or space",
    )
