"""What phase `profile` does where the runtime has a new version: the old table is checked, not thrown away.

`latency_predictors.renewal` has the rule. What is drawn and what came of it are kept with the job: a phase
that waits or is killed goes on with the same sample.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction
from latency_predictors.lookup_table import LookupTable, layer_key
from latency_predictors.probes import graph_by_timing
from latency_predictors.protocol import Subject
from latency_predictors.renewal import (
    NUM_NETWORKS,
    Verdict,
    judge,
    promoted,
    same_but_version,
    sampled_layers,
    stale_copy,
)
from latency_predictors.spread import combine_sessions
from nas.jobs import JobState
from nas.pipeline.announcement import noted_name
from nas.pipeline.context import RunContext
from nas.pipeline.measuring import MeasuredAsFar, probes_of
from nas.pipeline.sites import Site
from nas.pipeline.unsupported import taken_in
from nas.results import Document, VerifiedNetwork
from nas.store.searches import all_searches
from nas.store.stores import Stores
from search_spaces.base import Architecture, SearchSpace, architecture_digest, architecture_from_values
from search_spaces.base import space_digest as digest_of
from search_spaces.errors import ArtifactError, HwnasError, UsageError
from search_spaces.layers import LayerSpec
from search_spaces.network import layers as layers_of
from search_spaces.slot_tables import distinct_layers

RECENT_SEARCHES: Final = 10
"""Whose fronts say which layers matter."""

_SEED: Final = 0


@dataclass(frozen=True)
class Measuring:
    """How networks and layers are measured for the job. Both give None while something is queued.

    Attributes:
        networks: Measures architectures in a table's context, beside what the table says of them.
        layers: Measures layers, and probes beside, in a table's context.
        choose: Gives architectures from cheap to dear.
    """

    networks: Callable[[LookupTable, Sequence[Architecture]], list[CalibrationPoint] | None]
    layers: Callable[[LookupTable, Sequence[LayerSpec], Sequence[Subject]], MeasuredAsFar | None]
    choose: Callable[[LookupTable], list[Architecture]]


class RenewalDocument(Document):
    """A table of another version that was checked.

    Attributes:
        version: Of the runtime that the old table belongs to.
        keys: Layers that were drawn.
        verdict: What came of it, in words; empty while it is measured.
    """

    version: str
    keys: tuple[str, ...]
    verdict: str = ""


def renewed(ctx: RunContext, table: LookupTable, measuring: Measuring) -> LookupTable | None:
    """Return a context's table, with what holds of an older version's; None while that is measured.

    Where there is no older version, or no correction to check it with, the table is returned as it is: what
    is stale or missing in it has to be measured.
    """
    if table.entries and not _stale(ctx.space, table):
        return table
    old = predecessor(ctx.stores, table)
    if old is None:
        return table
    if not table.entries:
        table = stale_copy(old, table.context)
        ctx.stores.tables.publish(ctx.run.lease, table)
    correction = old.corrections.get(digest_of(ctx.space))
    if correction is None or old.missing(distinct_layers(ctx.space)):
        return table
    document = _drawn(ctx, table, old)
    return table if document.verdict else _checked(ctx, table, old, correction, measuring, document)


def predecessor(stores: Stores, table: LookupTable) -> LookupTable | None:
    """Return the newest table of the same device and context but for the version; None without one."""
    keys = [key for key in stores.tables.published() if key.device == table.device.digest]
    for key in sorted(keys, key=lambda key: key.created_at_ms, reverse=True):
        try:
            found = stores.tables.load(key.device, key.context)
        except ArtifactError:
            continue  # a damaged table of another context is no reason not to measure this one
        if found is not None and same_but_version(found.context, table.context):
            return found
    return None


def _stale(space: SearchSpace, table: LookupTable) -> bool:
    entries = (table.entries.get(layer_key(spec)) for spec in distinct_layers(space))
    return any(entry is not None and entry.stale for entry in entries)


def _drawn(ctx: RunContext, table: LookupTable, old: LookupTable) -> RenewalDocument:
    name = _name(table)
    if not ctx.run.has(name):
        rng = np.random.default_rng(_SEED)
        known = [spec for spec in distinct_layers(ctx.space) if spec not in old.unsupported([spec])]
        layers = sampled_layers(known, uses_in_fronts(ctx), rng)
        keys = tuple(layer_key(spec) for spec in layers)
        ctx.run.save(name, RenewalDocument(version=old.context.runtime_version, keys=keys))
        ctx.progress.say(
            f"{table.context.runtime} {table.context.runtime_version} is new here: {NUM_NETWORKS} networks "
            f"and {len(keys)} layers tell whether the table of {old.context.runtime_version} still holds"
        )
    return ctx.run.load(name, RenewalDocument)


def _checked(
    ctx: RunContext,
    table: LookupTable,
    old: LookupTable,
    correction: Correction,
    measuring: Measuring,
    document: RenewalDocument,
) -> LookupTable | None:
    """Return the table with the entries that hold; None while networks or the sample are measured."""
    # The old values, held against what the new context measures.
    held = old.model_copy(update={"context": table.context})
    architectures = _networks(measuring.choose(held))
    sample = [spec for spec in distinct_layers(ctx.space) if layer_key(spec) in document.keys]
    points = measuring.networks(held, architectures)
    probes = probes_of(table.context)
    found = measuring.layers(table, sample, probes)
    if points is None or found is None:
        return None
    values, graph = combine_sessions(found.sessions), graph_by_timing(found.sessions, probes)
    runs, before = [spec for spec in sample if layer_key(spec) in values], old.known_graph
    verdict = judge(
        correction,
        points,
        dict(zip(runs, old.costs_ms(runs), strict=True)),
        {spec: values[layer_key(spec)].median_ms for spec in runs},
        other_graph=graph is not None and before is not None and not graph.same_as(before),
    )
    # A layer that does not run any more says more of its kind than any ratio.
    stopped = [spec.kind for spec in sample if spec not in runs]
    verdict = replace(verdict, changed=tuple(dict.fromkeys((*verdict.changed, *stopped))))
    table = taken_in(ctx, table, sample, found).model_copy(update={"graph": graph})
    renewed_table = promoted(table, distinct_layers(ctx.space), verdict)
    words = _in_words(old, verdict)
    ctx.progress.say(words)
    ctx.stores.tables.publish(ctx.run.lease, renewed_table)
    ctx.run.save(_name(table), document.model_copy(update={"verdict": words}))
    return renewed_table


def _networks(chosen: Sequence[Architecture]) -> list[Architecture]:
    """Return some of the networks, evenly from the cheapest to the dearest."""
    places = np.linspace(0, len(chosen) - 1, min(NUM_NETWORKS, len(chosen))).round().astype(int)
    return [chosen[place] for place in places]


def _in_words(old: LookupTable, verdict: Verdict) -> str:
    found = f"{verdict.num_outside} of {verdict.num_networks} networks lie outside their intervals"
    if not verdict.changed:
        return f"the table of {old.context.runtime_version} holds: {found}"
    if verdict.other_graph:
        found = f"probes say that another graph runs, and {found}"
    elif verdict.num_other_kernels:
        differ = f"{verdict.num_other_kernels} of {verdict.num_compared} networks"
        found = f"other kernels run {differ}, and {found}"
    elif verdict.too_few:
        found = f"{found}, too few to tell"
    kinds = ", ".join(
        f"{kind} (x {verdict.ratios[kind]:.2f})" if kind in verdict.ratios else f"{kind} (does not run)"
        for kind in verdict.changed
    )
    return f"the table of {old.context.runtime_version} does not hold: {found}; measured anew: {kinds}"


def uses_in_fronts(ctx: RunContext) -> Counter[str]:
    """Return how often the layers of the space stand in recent fronts, by key."""
    uses: Counter[str] = Counter()
    tenant = ctx.run.lease.tenant
    ended = [job for job in all_searches(ctx.stores, tenant) if job.state is JobState.SUCCEEDED]
    for job in ended[-RECENT_SEARCHES:]:
        try:
            result = ctx.stores.stored(job).result()
        except HwnasError:
            continue  # of an older version of hwnas, or damaged: what it found does not count here
        if f"{result.spec.space.name}/{result.spec.space.preset}" != ctx.space.name:
            continue
        for target in result.targets:
            for network in target.front:
                uses.update(_keys(ctx.space, network))
    return uses


def _keys(space: SearchSpace, network: VerifiedNetwork) -> list[str]:
    """Return the layers of a network, none where it is of another version of the space, or other images."""
    try:
        architecture = architecture_from_values(space, network.architecture)
    except UsageError:
        return []
    if architecture_digest(space, architecture) != network.architecture_digest:
        return []
    return [layer_key(spec) for spec in layers_of(space, architecture)]


def _name(table: LookupTable) -> str:
    return f"{noted_name(Site.of(table))}.renewal"
