"""What phases have measured: a queue of the device, not a call.

A phase asks for files; what has not been measured is queued, and the phase waits. Whoever serves the device
(`workers.measuring` on this host, `workers.agent` on a board) delivers the sessions, and the phase is run
again.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from latency_predictors.lookup_table import layer_key
from latency_predictors.measure import LAYER_PROTOCOL, TimingProtocol
from latency_predictors.protocol import SessionResult, Subject
from nas.export.onnx import export_layer
from nas.export.quantize import quantised_layer
from nas.measurement_tasks import MeasurementTask
from nas.pipeline.amounts import NUM_SESSIONS
from nas.pipeline.context import RunContext
from nas.pipeline.sites import Site
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
    if not files:
        return ()
    device, context, wanted = site.device, site.context, num_sessions or {}
    tasks = [
        MeasurementTask(device, context, timing, subject, write(), wanted.get(subject, NUM_SESSIONS))
        for subject, write in files.items()
    ]
    report = ctx.stores.measurements.enqueue(ctx.run.lease, tasks)
    for failed in report.failed:
        raise MeasurementError(failed.code, failed.message)
    if report.pending:
        return None
    sessions = ctx.stores.sessions.sessions(device.digest, context.digest, files)
    return tuple(session for session in sessions if session.timing == timing)


def measured_layers(
    ctx: RunContext,
    site: Site,
    layers: Sequence[LayerSpec],
    num_sessions: Mapping[str, int] | None = None,
    probes: Sequence[Subject] = (),
) -> tuple[SessionResult, ...] | None:
    """Return what sessions on a device found of layers, and of probes beside; None while some are queued.

    Args:
        ctx: The job.
        site: Where they are run, and how.
        layers: Measured under their keys.
        num_sessions: By key, as for `measured`.
        probes: Files of the package, measured under their digests.
    """
    made: Callable[[LayerSpec], bytes] = export_layer if site.context.precision == "fp32" else quantised_layer

    def write(spec: LayerSpec) -> str:
        return ctx.stores.artifacts.put(made(spec))

    def write_probe(probe: Subject) -> str:
        return ctx.stores.artifacts.put(probe.path.read_bytes())

    files = {layer_key(spec): partial(write, spec) for spec in layers}
    files |= {probe.digest: partial(write_probe, probe) for probe in probes}
    return measured(ctx, site, LAYER_PROTOCOL, files, num_sessions)
