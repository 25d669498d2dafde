"""Round 0 of verification: what other searches on the same supernet have verified where this one measures.

It costs next to nothing: the files are there, and so are their answers and their measurements; only what is
suspect of those that it begins with is measured once more. Whichever of these networks keep the limits of
this search stand on its plot, and its predictors learn from them.
"""

from collections.abc import Sequence
from typing import Final

from latency_predictors.spread import Measured
from nas.pipeline.answers import round_name
from nas.pipeline.context import PhaseContext
from nas.pipeline.known import known_networks, load_known, measured_before
from nas.pipeline.measured_files import measure_files
from nas.pipeline.networks import Exported, Named, keep_exports, kept_exports
from nas.pipeline.sites import Site, metric_site
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.pipeline.verification import Verification
from nas.publication import front_first, published
from nas.results import Document
from search_spaces.base import Architecture

ROUND: Final = 0


class EarlierNetworks(Document):
    """Which networks a search began with."""

    architectures: tuple[tuple[int, ...], ...]


def take_in_earlier(ctx: PhaseContext, state: Verification, number: int) -> bool:
    """Begin with networks of other searches; return whether all that is known of them can be used now.

    They are chosen once, at most as many as the search may verify: those that keep its limits, first those
    that no other dominates. A search that optimises or limits energy begins with none, since their energy
    may have been seen by another meter.

    Args:
        ctx: The search.
        state: Of a target for which nothing was found yet.
        number: Index of the target.
    """
    name = f"verify.{number}.{ROUND}"
    if not ctx.run.has(name):
        chosen = _chosen(ctx, state)
        if chosen is None:
            return False
        if chosen:
            keep_exports(ctx, round_name(number, ROUND), chosen)
        ctx.run.save(name, EarlierNetworks(architectures=tuple(one.architecture for one in chosen)))
    architectures = ctx.run.load(name, EarlierNetworks).architectures
    if not architectures:
        return True
    exported = _kept(ctx, number, architectures)
    measured = _measured(ctx, state, exported, again=True)
    if measured is None:
        return False
    for one in exported:
        latency = measured[one.file_sha256]
        state.add(one, state.described(one, latency, None, ROUND), latency)
    state.publish()
    ctx.progress.say(f"{len(exported)} networks that keep the limits are known from earlier searches")
    ctx.progress.figures("verified", target=number + 1, round=ROUND, networks=state.measured_in(ROUND))
    return True


def _kept(ctx: PhaseContext, number: int, architectures: Sequence[Architecture]) -> list[Exported]:
    named = {row: Named(ctx.space, architecture) for row, architecture in enumerate(architectures)}
    return kept_exports(ctx.run, round_name(number, ROUND), named)


def _measured(
    ctx: PhaseContext, state: Verification, exported: Sequence[Exported], *, again: bool
) -> dict[str, Measured] | None:
    files = [one.file_sha256 for one in exported]
    measured = measure_files(ctx, Site.of(state.table), state.metric, files, again=again)
    return None if measured is None else dict(measured.values)


def _chosen(ctx: PhaseContext, state: Verification) -> list[Exported] | None:
    """Return the networks to begin with; None where some of them are measured once more."""
    if state.energy is not None:
        return []
    supernet, metric = ctx.run.load(TRAIN, TrainDocument), state.metric
    listed = known_networks(ctx, supernet.id, state.target.context.precision)
    site = metric_site(Site.of(state.table), metric)
    exported = load_known(ctx, measured_before(ctx, site, metric.timing, listed))
    measured = _measured(ctx, state, exported, again=False)
    if measured is None:
        return None
    by_digest = {one.digest: one for one in exported}
    networks = published(
        [state.described(one, measured[one.file_sha256], None, ROUND) for one in exported],
        lambda network: by_digest[network.architecture_digest].correct[state.confirm],
        state.objectives,
        state.limits,
    )
    within = [network for network in front_first(networks) if network.status != "over_limit"]
    return [by_digest[network.architecture_digest] for network in within[: ctx.spec.verify.candidates]]
