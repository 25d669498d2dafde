"""Published latencies served in the place of a device: through the same port as measurements, and told apart.

A trace says what somebody measured of which networks, on which device and how. `replay` answers for it as a
measuring session would, so that predictors, queues and benchmarks run from end to end without the device
(the table-backed simulator of Syne Tune, Salinas et al. 2022, is the model). Nothing is timed here: a
published figure is one value without a spread, and the session is marked `published`. A trace of the very
machine that asks is refused, so that no published figure passes for one that was measured here.
"""

import uuid
from collections.abc import Collection

from pydantic import Field

from latency_predictors.device import Device, ExecutionContext, host_device
from latency_predictors.measure import Summary, TimingProtocol
from latency_predictors.protocol import SessionResult, SubjectResult, WireModel
from search_spaces.errors import MeasurementError


class Trace(WireModel):
    """Latencies of one device and context that somebody has published.

    Attributes:
        source: Who published it, and where; with the version.
        licence: Under which it may be used.
        device: What is told of it.
        context: What is told of how networks ran.
        published_at: ISO 8601, as exactly as it is known.
        latency_ms: Median by the digest of what was measured.
    """

    source: str
    licence: str
    device: Device
    context: ExecutionContext
    published_at: str
    latency_ms: dict[str, float] = Field(min_length=1)


def replay(trace: Trace, subjects: Collection[str], timing: TimingProtocol) -> SessionResult:
    """Answer for a device with what was published of some subjects, as one session.

    Args:
        trace: What was published.
        subjects: Digests of layers or networks.
        timing: The protocol that was asked for; a queue keeps results by it. It timed nothing.

    Raises:
        MeasurementError: `not_published` where nothing is known of a subject: it would count as nothing;
            `replay_of_this_machine` where the trace is of the machine that asks.
    """
    if trace.device.digest == host_device().digest:
        raise MeasurementError(
            "replay_of_this_machine",
            f"the trace is of this very machine ({trace.device.label}): measure instead of replaying",
        )
    unknown = [digest for digest in subjects if digest not in trace.latency_ms]
    if unknown:
        raise MeasurementError(
            "not_published",
            f"{len(unknown)} of {len(subjects)} subjects are not in '{trace.source}', the first is "
            f"{unknown[0]}: ask for what it holds",
        )
    return SessionResult(
        session_id=uuid.uuid4().hex,
        started_at=trace.published_at,
        device=trace.device,
        context=trace.context,
        timing=timing,
        cpus=(),
        results=tuple(_result(digest, trace.latency_ms[digest]) for digest in subjects),
        readings=(),
        reference_ms={},
        provenance="published",
    )


def _result(digest: str, latency_ms: float) -> SubjectResult:
    """Return a published value: one figure, whose spread nobody knows (hence `wide`)."""
    summary = Summary(
        median_ms=latency_ms,
        low_ms=latency_ms,
        high_ms=latency_ms,
        mean_ms=latency_ms,
        std_ms=0.0,
        p10_ms=latency_ms,
        p90_ms=latency_ms,
        p99_ms=latency_ms,
        min_ms=latency_ms,
        num_blocks=1,
        runs_per_block=1,
        wide=True,
    )
    return SubjectResult(digest=digest, summary=summary, scale=1.0, suspect=False, num_repeats=0)
