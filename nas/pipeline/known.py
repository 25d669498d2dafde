"""What searches have exported of a supernet, for others on it: what is there is not made again.

A search begins with the networks that were measured where it measures and keep its limits, which costs
nothing. What it proposes itself and another has exported, it takes from there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from latency_predictors.device import host_context
from latency_predictors.measure import TimingProtocol
from nas.export.metadata import QUANTISER_VERSION
from nas.measurement_tasks import timed_alike
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import PhaseContext
from nas.pipeline.damage import tell_damage
from nas.pipeline.networks import Exported, Named, kept_exports
from nas.pipeline.sites import Site
from nas.results import Document
from nas.specs import Precision
from search_spaces.base import Architecture
from search_spaces.errors import ArtifactError

_LISTED: Final = 1_000
"""Networks that a list has at most; the newest stay."""


class KnownNetwork(Document):
    """Where an exported network is found.

    Attributes:
        job: That has exported it.
        name: Under which the job keeps what it exported together.
        row: Its position there.
    """

    architecture: tuple[int, ...]
    file_sha256: str
    job: str
    name: str
    row: int


class KnownNetworks(Document):
    """Networks that were exported of a supernet in one precision, oldest first."""

    networks: tuple[KnownNetwork, ...] = ()


def list_name(precision: Precision) -> str:
    """Return what a list is kept under: another quantiser or runtime exports and scores anew."""
    return f"exported.{precision}.{QUANTISER_VERSION}.{host_context().runtime_version}"


def known_networks(ctx: PhaseContext, supernet: str, precision: Precision) -> tuple[KnownNetwork, ...]:
    """Return what was exported of a supernet; nothing where the list is damaged, which is said.

    Args:
        ctx: The search.
        supernet: Its identifier.
        precision: Of the files.
    """
    digest = ctx.stores.supernets.answers(ctx.tenant, supernet, list_name(precision))
    if not digest:
        return ()
    try:
        return KnownNetworks.model_validate_json(ctx.stores.artifacts.get(digest)).networks
    except ArtifactError as error:
        tell_damage(ctx, f"the list of what was exported of supernet {supernet}", error)
        return ()


def list_exported(
    ctx: PhaseContext, supernet: str, precision: Precision, name: str, exported: Sequence[Exported]
) -> None:
    """Add networks to the list of a supernet, for other searches.

    Where two searches add to it at once, what one has added may be missing: it is exported again then.

    Args:
        ctx: The search.
        supernet: Its identifier.
        precision: Of the files.
        name: Under which this search keeps them.
        exported: All that it keeps under that name, in order.
    """
    known = known_networks(ctx, supernet, precision)
    listed = {one.architecture for one in known}
    new = [
        KnownNetwork(
            architecture=one.architecture, file_sha256=one.file_sha256, job=ctx.run.id, name=name, row=row
        )
        for row, one in enumerate(exported)
        if one.architecture not in listed
    ]
    if new:
        together = KnownNetworks(networks=(*known, *new)[-_LISTED:])
        digest = ctx.stores.artifacts.put(together.model_dump_json().encode())
        ctx.stores.supernets.keep_answers(ctx.run.lease, supernet, digest, list_name(precision))


def exported_or_known(
    ctx: PhaseContext,
    supernet: str,
    precision: Precision,
    architectures: Sequence[Architecture],
    make: Callable[[Sequence[Architecture]], Sequence[Exported]],
) -> list[Exported]:
    """Return exported networks in the order given; those of other searches as these left them.

    Args:
        ctx: The search.
        supernet: Its identifier.
        precision: Of the files.
        architectures: Of its space.
        make: Exports what nobody has exported.
    """
    places = {one.architecture: one for one in known_networks(ctx, supernet, precision)}
    known = load_known(ctx, [places[one] for one in architectures if one in places])
    found = {one.architecture: one for one in known}
    missing = [one for one in architectures if one not in found]
    if missing:
        found |= {one.architecture: one for one in make(missing)}
    return [found[one] for one in architectures]


def load_known(ctx: PhaseContext, known: Sequence[KnownNetwork]) -> list[Exported]:
    """Return exported networks of other searches, without those of which a file is damaged; that is said."""
    found: list[Exported] = []
    for job, name in dict.fromkeys((one.job, one.name) for one in known):
        rows = {
            one.row: Named(ctx.space, one.architecture) for one in known if (one.job, one.name) == (job, name)
        }
        try:
            exported = kept_exports(ctx.stores.stored(ctx.stores.jobs.get(ctx.tenant, job)), name, rows)
        except ArtifactError as error:
            tell_damage(ctx, f"what search {job} has exported", error)
            continue
        found += [one for one in exported if _is_sound(ctx, one)]
    return found


def _is_sound(ctx: PhaseContext, exported: Exported) -> bool:
    try:
        ctx.stores.artifacts.local_path(exported.file_sha256)
    except ArtifactError as error:
        tell_damage(ctx, f"the file of {exported.name}", error)
        return False
    return True


def measured_before(
    ctx: PhaseContext, site: Site, timing: TimingProtocol, known: Sequence[KnownNetwork]
) -> list[KnownNetwork]:
    """Return the networks that were measured at a site, timed so, as often as a value takes.

    Args:
        ctx: The search.
        site: Where.
        timing: How.
        known: Which may have been.
    """
    files = [one.file_sha256 for one in known]
    sessions = ctx.stores.sessions.sessions(site.device.digest, site.context.digest, files)
    times = Counter(
        result.digest
        for session in sessions
        if timed_alike(session.timing, timing)
        for result in session.results
    )
    return [one for one in known if times[one.file_sha256] >= NUM_SESSIONS]
