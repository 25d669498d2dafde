"""Stored files that are damaged or gone: said, and made again, so that they block nobody.

What is made of them is in the store too: a table comes from measurements, answers from weights, weights from
a specification.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from numpy.typing import NDArray

from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.measure import LAYER_PROTOCOL
from nas.measurement_tasks import timed_alike
from nas.pipeline.context import PhaseContext, Reads, RunContext
from nas.pipeline.sites import Site
from nas.pipeline.tables import emptied_table, stored_table
from nas.store.arrays import packed, unpacked
from nas.store.supernet_store import StoredSupernet
from search_spaces.errors import ArtifactError
from search_spaces.slot_tables import distinct_layers

DAMAGED: Final = "damaged"
"""Kind of the event that says so, with the code of the error that was met."""


def tell_damage(ctx: RunContext, what: str, error: ArtifactError) -> None:
    """Say that something stored is damaged and made again, in an event of the job and to whoever watches.

    Args:
        ctx: The job that has met it.
        what: Is damaged, in words.
        error: What was met.
    """
    data = {"what": what, "code": error.code, "message": error.message}
    ctx.stores.results.report(ctx.run.lease, DAMAGED, data)
    ctx.progress.say(f"{what}: {error.message}. Made again now")


def damage_of(ctx: Reads, stored: StoredSupernet) -> ArtifactError | None:
    """Return what is wrong with the files of a trained supernet; None where they are sound."""
    try:
        for digest in (stored.weights, str(stored.summary["manifest"])):
            ctx.stores.artifacts.local_path(digest)
    except ArtifactError as error:
        return error
    return None


def kept_answers(
    ctx: PhaseContext, supernet: str, name: str, make: Callable[[], Mapping[str, NDArray[Any]]]
) -> dict[str, NDArray[Any]]:
    """Return answers that are kept with a supernet; have them made where there are none, or damaged ones.

    Args:
        ctx: The search.
        supernet: Its identifier.
        name: Of the answers.
        make: Scores networks.
    """
    kept = ctx.stores.supernets.answers(ctx.tenant, supernet, name)
    if kept:
        try:
            return unpacked(ctx.stores.artifacts.get(kept))
        except ArtifactError as error:
            tell_damage(ctx, f"{name} of supernet {supernet}", error)
    made = dict(make())
    digest = ctx.stores.artifacts.put(packed(made))
    ctx.stores.supernets.keep_answers(ctx.run.lease, supernet, digest, name)
    return made


def sound_table(ctx: RunContext, site: Site) -> LookupTable:
    """Return the table of a site; where it is damaged, publish what was ever measured of the job's layers."""
    try:
        return stored_table(ctx.stores, site)
    except ArtifactError as error:
        tell_damage(ctx, f"table of {site.device.label} ({site.context.label})", error)
    layers = distinct_layers(ctx.space)
    keys = [layer_key(spec) for spec in layers]
    found = ctx.stores.sessions.sessions(site.device.digest, site.context.digest, keys)
    sessions = [session for session in found if timed_alike(session.timing, LAYER_PROTOCOL)]
    table = emptied_table(ctx.stores, site).merged(layers, sessions)
    ctx.stores.tables.publish(ctx.run.lease, table)
    return table
