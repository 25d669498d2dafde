"""What a meter sees of files: where another has taken its place, they are measured again with that one.

Energies of different scopes are different quantities. Those of the meter that was there last count, or those
that a search began with; the others stay where they are, and count again once their meter is back.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from latency_predictors.energy_figure import Scope
from latency_predictors.energy_sessions import scopes_seen, seen_in_scope
from latency_predictors.measure import ENERGY_PROTOCOL
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import RunContext
from nas.pipeline.measuring import MeasuredAsFar, measured_as_far
from nas.pipeline.sites import Site
from nas.report.words import counted
from nas.results import Document
from search_spaces.errors import UsageError


def watched_as_far(
    ctx: RunContext, site: Site, files: Mapping[str, Callable[[], str]], scope: Scope | None = None
) -> MeasuredAsFar | None:
    """Return what sessions with a meter found of files, in one scope; None where some are queued still.

    Args:
        ctx: The job.
        site: Where they are run, and how.
        files: As for `measured_as_far`.
        scope: What the meter sees; what the last one there saw, if not given.

    Raises:
        MeasurementError: As `measured_as_far`.
        UsageError: `mixed_energy` where the meter that is there sees something else.
    """
    scope = scope or _last_scope(ctx, site)
    found = measured_as_far(ctx, site, ENERGY_PROTOCOL, files, _noted_sessions(ctx, site, files, scope))
    if found is None or scope is None:
        return found
    seen = seen_in_scope(found.sessions, scope)
    own = {file for one in seen for file, _ in scopes_seen(one)}
    others = {other for one in found.sessions for file, other in scopes_seen(one) if file not in own}
    if others:
        raise UsageError(
            "mixed_energy",
            f"this search began with a meter that sees the {scope}, and the one that {site.device.label} has "
            f"now sees the {', '.join(sorted(others))}: search again, which begins with that one",
        )
    return replace(found, sessions=seen)


def _last_scope(ctx: RunContext, site: Site) -> Scope | None:
    """Return what the last meter saw at a site; None where there was none."""
    last = ctx.stores.sessions.last(site.device.digest, site.context.digest, ENERGY_PROTOCOL)
    return next((scope for _, scope in scopes_seen(last)), None) if last else None


class _WatchedDocument(Document):
    """How many sessions with a meter a job wants behind files on a device and in a context, by SHA-256."""

    sessions: dict[str, int]


def _noted_sessions(
    ctx: RunContext, site: Site, files: Iterable[str], scope: Scope | None
) -> Mapping[str, int]:
    """Return how many sessions are to be behind files: more where too few have seen them in a scope.

    Noted when the job first asks for a file: where no meter of that scope is there, it asks once.
    """
    device, context = site.device.digest, site.context.digest
    name = f"watched.{scope}.{context[:12]}.{device[:12]}"
    noted = ctx.run.load(name, _WatchedDocument).sessions if ctx.run.has(name) else {}
    new = [file for file in files if file not in noted]
    if not new or scope is None:
        return noted
    done = ctx.stores.measurements.measured(device, context, ENERGY_PROTOCOL, new)
    seen = [pair for one in ctx.stores.sessions.sessions(device, context, done) for pair in scopes_seen(one)]
    every, own = Counter(file for file, _ in seen), Counter(file for file, other in seen if other == scope)
    others = [file for file in done if own[file] < min(every[file], NUM_SESSIONS)]
    if others:
        ctx.progress.say(
            f"measuring {counted(len(others), 'network')} once more on {site.device.label}: the meter there "
            f"sees the {scope} now"
        )
    again = {file: max(done[file], every[file]) + NUM_SESSIONS - own[file] for file in others}
    noted = {**noted, **dict.fromkeys(new, NUM_SESSIONS), **again}
    ctx.run.save(name, _WatchedDocument(sessions=noted))
    return noted
