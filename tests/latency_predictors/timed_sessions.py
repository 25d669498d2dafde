"""Sessions whose times agree with each other, as a device delivers them."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from latency_predictors.clock import NS_PER_MS
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.measure import LAYER_PROTOCOL, TimingProtocol
from latency_predictors.protocol import AnchorReading, SessionResult
from tests.latency_predictors.sessions import session, summary


def timed_session(
    subjects: Sequence[str],
    device: Device,
    context: ExecutionContext,
    *,
    timing: TimingProtocol = LAYER_PROTOCOL,
    median_ms: float = 0.5,
    name: str = "",
) -> SessionResult:
    """A session that took as long as its files: each was timed in 160 blocks of one run."""
    found = session(name or uuid.uuid4().hex, dict.fromkeys(subjects, median_ms))
    around = {"min_ms": 0.98, "p10_ms": 0.985, "mean_ms": 1.01, "p99_ms": 2.0, "last_ms": 1.0}
    times: dict[str, Any] = {name: share * median_ms for name, share in around.items()}
    timed = replace(summary(median_ms, 0.01), num_blocks=160, **times)
    took_ns = round(len(subjects) * 200 * median_ms * NS_PER_MS)
    readings = [AnchorReading(at_ns=at, median_ms={"anchor": 0.5}) for at in (0, took_ns)]
    return found.model_copy(
        update={
            "device": device,
            "context": context,
            "timing": timing,
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "readings": tuple(readings),
            "results": tuple(one.model_copy(update={"summary": timed}) for one in found.results),
        }
    )
