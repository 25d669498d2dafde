"""What is measured of exported files: latency, and how they run at a stretch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from latency_predictors.calibration import counted_points, pooled_rel_sd
from latency_predictors.energy_figure import Scope
from latency_predictors.energy_sessions import SessionsEnergy, combine_energies
from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.measure import sustained
from latency_predictors.spread import KnownSpread, Measured, combine_sessions
from nas.measurement_tasks import FailedTask, timed_alike
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import PhaseContext
from nas.pipeline.measuring import MeasuredAsFar, check_ran, measured, measured_as_far
from nas.pipeline.sites import Site, metric_site
from nas.pipeline.watched_files import watched_as_far
from nas.report.words import counted
from nas.results import Document, Latency, Sustained
from search_spaces.base import space_digest
from search_spaces.errors import MeasurementError


@dataclass(frozen=True)
class MeasuredFiles:
    """What was measured of exported files.

    Attributes:
        values: By SHA-256.
        energies: What a meter saw, likewise, where that was asked for.
        unsupported: Those that the runtime cannot run, likewise, with why.
    """

    values: Mapping[str, Measured]
    energies: Mapping[str, SessionsEnergy]
    unsupported: Mapping[str, FailedTask]


def measure_files(
    ctx: PhaseContext,
    site: Site,
    metric: LatencyMetric,
    files: Iterable[str],
    *,
    energy: bool = False,
    scope: Scope | None = None,
    again: bool = True,
) -> MeasuredFiles | None:
    """Return what was measured of exported files as far as they run; None where some are queued still.

    What earlier jobs have left suspect is measured once more.

    Args:
        ctx: The search.
        site: Where, and how layers are measured there.
        metric: What is meant by latency.
        files: Their digests.
        energy: Whether a meter watches them too.
        scope: What that sees; what the last one there saw, if not given.
        again: Whether suspect files are measured once more; if not, what is there is taken.

    Raises:
        MeasurementError: Where that is not a file's own fault; of energy also `no_meter` and `meter_stopped`;
            `published_values` where a board answers with what somebody published: nothing ran there.
        UsageError: `mixed_energy`.
    """
    wanted = {file: partial(str, file) for file in files}
    sessions = _noted_sessions(ctx, metric_site(site, metric), metric, wanted) if again else {}
    found = measured_as_far(ctx, metric_site(site, metric), metric.timing, wanted, sessions)
    watched = watched_as_far(ctx, site, wanted, scope) if energy else MeasuredAsFar((), {})
    if found is None or watched is None:
        return None
    check_ran(site, (*found.sessions, *watched.sessions))
    return MeasuredFiles(
        values=combine_sessions(found.sessions, metric.statistic, _known_spread(ctx, site, metric)),
        energies=combine_energies(watched.sessions),
        unsupported={**found.unsupported, **watched.unsupported},
    )


class _SessionsDocument(Document):
    """How many sessions a job wants behind files on a device and in a context, by SHA-256."""

    sessions: dict[str, int]


def _noted_sessions(
    ctx: PhaseContext, where: Site, metric: LatencyMetric, files: Iterable[str]
) -> Mapping[str, int]:
    """Return how many sessions are to be behind files: of suspect ones, one more than there are.

    Noted when the job first asks for a file. What it measures itself it leaves as it is: a machine that is
    busy now would be busy still.
    """
    name = f"again.{_place(where, metric)}"
    noted = ctx.run.load(name, _SessionsDocument).sessions if ctx.run.has(name) else {}
    new = [file for file in files if file not in noted]
    if not new:
        return noted
    device, context = where.device.digest, where.context.digest
    stored = ctx.stores.sessions.sessions(device, context, new)
    alike = [one for one in stored if timed_alike(one.timing, metric.timing)]
    known = combine_sessions(alike, metric.statistic)
    suspect = [file for file, one in known.items() if one.suspect]
    there = ctx.stores.measurements.measured(device, context, metric.timing, suspect)
    if suspect:
        what = counted(len(suspect), "network")
        ctx.progress.say(f"measuring {what} once more on {where.device.label}: suspect until now")
    again = {file: max(there.get(file, 0) + 1, NUM_SESSIONS) for file in suspect}
    noted = {**noted, **dict.fromkeys(new, NUM_SESSIONS), **again}
    ctx.run.save(name, _SessionsDocument(sessions=noted))
    return noted


class _SpreadDocument(Document):
    """By how much sessions differ on a device and in a context, as it was known when a job first asked.

    Attributes:
        rel_sd: As a share.
        num_files: That it rests on.
    """

    rel_sd: float
    num_files: int


def _known_spread(ctx: PhaseContext, site: Site, metric: LatencyMetric) -> KnownSpread:
    """Return by how much sessions of the networks differed that the table was calibrated with.

    What the job began with stays: all of its attempts come to the same intervals.
    """
    name = f"spread.{_place(metric_site(site, metric), metric)}"
    if not ctx.run.has(name):
        there = ctx.stores.tables.corrections(site.device.digest, site.context.digest)
        correction = there.get(metric.correction_key(space_digest(ctx.space)))
        drawn = () if correction is None else correction.points
        # Not those that searches have verified since: other searches come to the same intervals too.
        points = counted_points([point for point in drawn if point.predicted_ms is None])
        ctx.run.save(name, _SpreadDocument(rel_sd=pooled_rel_sd(points), num_files=len(points)))
    kept = ctx.run.load(name, _SpreadDocument)
    return KnownSpread(kept.rel_sd, kept.num_files)


def _place(where: Site, metric: LatencyMetric) -> str:
    return f"{where.context.digest[:12]}.{metric.statistic}.{where.device.digest[:12]}"


def measure_file(
    ctx: PhaseContext, site: Site, metric: LatencyMetric, file: str, *, energy: bool = False
) -> tuple[Measured, SessionsEnergy | None] | None:
    """Return what was measured of one exported file, and its energy if asked for; None while it is queued.

    Raises:
        MeasurementError: Also where the runtime cannot run it.
    """
    found = measure_files(ctx, site, metric, [file], energy=energy)
    if found is None:
        return None
    for failed in found.unsupported.values():
        raise MeasurementError(failed.code, failed.message)
    return found.values[file], found.energies.get(file)


def measure_sustained(
    ctx: PhaseContext, site: Site, metric: LatencyMetric, seconds: float, files: Iterable[str]
) -> dict[str, Sustained] | None:
    """Return how files run at a stretch, by their SHA-256; None where some are queued still.

    Raises:
        MeasurementError: As `measure_files`; also where the runtime cannot run one of them.
    """
    timing = sustained(metric.timing, seconds)
    wanted = {file: partial(str, file) for file in files}
    sessions = measured(ctx, metric_site(site, metric), timing, wanted)
    if sessions is None:
        return None
    check_ran(site, sessions)
    found: dict[str, list[tuple[float, float]]] = {}
    for session in sessions:
        for result in session.results:
            ends = (result.summary.first_ms, result.summary.last_ms)
            first, last = (end for end in ends if end is not None)
            found.setdefault(result.digest, []).append((first, last))
    medians = {file: np.median(ends, axis=0) for file, ends in found.items()}
    return {
        file: Sustained(seconds=seconds, first_ms=float(first), last_ms=float(last))
        for file, (first, last) in medians.items()
    }


def latency_of(measured: Measured) -> Latency:
    """Return what was measured of a file as results show it."""
    return Latency(
        median_ms=measured.median_ms,
        lower_ms=measured.lower_ms,
        upper_ms=measured.upper_ms,
        p90_ms=measured.p90_ms,
        sessions=measured.session_ids,
        suspect=measured.suspect,
        statistic=measured.statistic,
        p95_ms=measured.p95_ms,
        measured_at=measured.measured_at,
        provisional=not measured.settled,
    )
