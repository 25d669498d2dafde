"""What phases have measured: a queue of the device, not a call.

A phase asks for files; what has not been measured is queued, and the phase waits. Whoever serves the device
(`workers.measuring` on this host, `workers.agent` on a board) delivers the sessions, and the phase is run
again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from latency_predictors.device import ExecutionContext
from latency_predictors.gate import MACHINE_BUSY, busy_sentence
from latency_predictors.lookup_table import layer_key
from latency_predictors.measure import LAYER_PROTOCOL, TimingProtocol
from latency_predictors.probes import probe_subjects
from latency_predictors.protocol import SessionResult, Subject
from latency_predictors.runtimes import get_runtime
from nas.export.untrained import layer_file
from nas.measurement_tasks import (
    FILE_RANK,
    TABLE_RANK,
    FailedTask,
    MeasurementTask,
    TaskReport,
    timed_alike,
)
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import RunContext
from nas.pipeline.golden import ask_golden
from nas.pipeline.sites import Site
from nas.results import Document
from search_spaces.errors import MeasurementError
from search_spaces.layers import LayerSpec


def measured(
    ctx: RunContext,
    site: Site,
    timing: TimingProtocol,
    files: Mapping[str, Callable[[], str]],
    num_sessions: Mapping[str, int] | None = None,
) -> tuple[SessionResult, ...] | None:
    """Return what sessions on a device, timed so, found of files; None where some are queued still.

    Args:
        ctx: The job.
        site: Where they are run, and how.
        timing: How they are timed.
        files: By the digest of what is measured, a function that returns the file's digest in the artifact
            store.
        num_sessions: Sessions that are to be behind a value, likewise; `NUM_SESSIONS` if not given.

    Raises:
        MeasurementError: As whoever measured told, where a file cannot be measured.
    """
    found = measured_as_far(ctx, site, timing, files, num_sessions)
    if found is None:
        return None
    for failed in found.unsupported.values():
        raise MeasurementError(failed.code, failed.message)
    return found.sessions


@dataclass(frozen=True)
class MeasuredAsFar:
    """What sessions found, and what cannot be run.

    Attributes:
        unsupported: By the digest of what was to be measured, why its file does not run in that context. It
            is not tried again there.
    """

    sessions: tuple[SessionResult, ...]
    unsupported: Mapping[str, FailedTask]


def measured_as_far(
    ctx: RunContext,
    site: Site,
    timing: TimingProtocol,
    files: Mapping[str, Callable[[], str]],
    num_sessions: Mapping[str, int] | None = None,
) -> MeasuredAsFar | None:
    """Return the same as far as files can be run, and which of them the runtime cannot.

    Args:
        ctx: As for `measured`; so are the others.
        site: Where.
        timing: How.
        files: What.
        num_sessions: How often.

    Raises:
        MeasurementError: As whoever measured told, where that is not a file's own fault.
    """
    if not files:
        return MeasuredAsFar((), {})
    ask_golden(ctx, site, layer_files(site))
    report = _queued(ctx, site, timing, files, num_sessions or {})
    for failed in report.failed:
        if not failed.unsupported:
            raise MeasurementError(failed.code, failed.message)
    if report.pending:
        return None
    unsupported = {failed.subject: failed for failed in report.failed}
    runs = [subject for subject in files if subject not in unsupported]
    stored = ctx.stores.sessions.sessions(site.device.digest, site.context.digest, runs)
    sessions = tuple(session for session in stored if timed_alike(session.timing, timing))
    _tell_busy(ctx, site, sessions)
    return MeasuredAsFar(sessions, unsupported)


def check_ran(site: Site, sessions: Sequence[SessionResult]) -> None:
    """Refuse sessions in which nothing ran: what is made of them would pass for measured.

    Raises:
        MeasurementError: `published_values` where a board answers with what somebody published.
    """
    if any(session.provenance == "published" for session in sessions):
        raise MeasurementError(
            "published_values",
            f"{site.device.label} answers with published figures, which are no measurements: ask for a board "
            "that measures",
        )


class _BusyDocument(Document):
    """What a job has said of a device that was measured though other work kept it busy."""

    said: str


def _tell_busy(ctx: RunContext, site: Site, sessions: Sequence[SessionResult]) -> None:
    """Say that other work kept a device busy while it was measured for a job: once a job and device.

    Programs are told by an event whose kind is the code.
    """
    name = f"busy.{site.device.digest[:12]}"
    why = busy_sentence([one for one in sessions if one.started_at >= ctx.run.started_at()])
    if why and not ctx.run.has(name):
        data = {"code": MACHINE_BUSY, "device": site.device.label, "message": why}
        ctx.stores.results.report(ctx.run.lease, MACHINE_BUSY, data)
        ctx.progress.say(why)
        ctx.run.save(name, _BusyDocument(said=why))


def _queued(
    ctx: RunContext,
    site: Site,
    timing: TimingProtocol,
    files: Mapping[str, Callable[[], str]],
    num_sessions: Mapping[str, int],
) -> TaskReport:
    """Queue what is not measured yet, the only files that are written; arguments as for `measured`."""
    there = ctx.stores.measurements.measured(site.device.digest, site.context.digest, timing, files)
    wanted = {subject: num_sessions.get(subject, NUM_SESSIONS) for subject in files}
    tasks = [
        MeasurementTask(
            site.device,
            site.context,
            timing,
            subject,
            write(),
            wanted[subject],
            rank=TABLE_RANK if timing == LAYER_PROTOCOL else FILE_RANK,
            deadline_ms=ctx.run.deadline_ms,
        )
        for subject, write in files.items()
        if there.get(subject, 0) < wanted[subject]
    ]
    if not tasks:
        return TaskReport(pending=0, done=len(files), failed=())
    return ctx.stores.measurements.enqueue(ctx.run.lease, tasks)


def measured_layers(
    ctx: RunContext,
    site: Site,
    layers: Sequence[LayerSpec],
    num_sessions: Mapping[str, int] | None = None,
    probes: Sequence[Subject] = (),
) -> MeasuredAsFar | None:
    """Return what sessions on a device found of layers, and of probes beside; None while some are queued.

    Args:
        ctx: The job.
        site: Where they are run, and how.
        layers: Measured under their keys.
        num_sessions: By key, as for `measured`.
        probes: Files of the package, measured under their digests.

    Raises:
        MeasurementError: As `measured_as_far`.
    """
    made = layer_files(site)

    def write(spec: LayerSpec) -> str:
        return ctx.stores.artifacts.put(made(spec))

    def write_probe(probe: Subject) -> str:
        return ctx.stores.artifacts.put(probe.path.read_bytes())

    files = {layer_key(spec): partial(write, spec) for spec in layers}
    files |= {probe.digest: partial(write_probe, probe) for probe in probes}
    return measured_as_far(ctx, site, LAYER_PROTOCOL, files, num_sessions)


def probes_of(context: ExecutionContext) -> tuple[Subject, ...]:
    """Return the probes that a context is to run; none where the package has none in its format."""
    return probe_subjects(get_runtime(context.runtime).file_format, context.precision)


def layer_files(site: Site) -> Callable[[LayerSpec], bytes]:
    """Return what makes a lone layer's file in the precision of a site."""
    return partial(layer_file, precision=site.context.precision)
