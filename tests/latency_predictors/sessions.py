"""Results of sessions that never ran, for tests of what is made of them."""

from collections.abc import Mapping

from latency_predictors.device import Device, ExecutionContext
from latency_predictors.measure import LAYER_PROTOCOL, Summary
from latency_predictors.protocol import SessionResult, SubjectResult

DEVICE = Device("test processor", ("avx2",), 4, 8, "x86_64", "Linux")
CONTEXT = ExecutionContext("onnxruntime", "1.31.1")


def summary(median_ms: float, spread: float = 0.0) -> Summary:
    """A summary whose interval reaches a share to both sides of the median; the tail is further away.

    The 90th percentile is twice as far, the 95th three times, its interval from twice to four times.
    """
    return Summary(
        median_ms=median_ms,
        low_ms=median_ms * (1 - spread),
        high_ms=median_ms * (1 + spread),
        mean_ms=median_ms,
        std_ms=0.0,
        p10_ms=median_ms,
        p90_ms=median_ms * (1 + 2 * spread),
        p99_ms=median_ms,
        min_ms=median_ms,
        num_blocks=15,
        runs_per_block=1,
        wide=False,
        p95_ms=median_ms * (1 + 3 * spread),
        p95_low_ms=median_ms * (1 + 2 * spread),
        p95_high_ms=median_ms * (1 + 4 * spread),
        first_ms=median_ms,
        last_ms=median_ms * (1 + spread),
    )


def session(
    session_id: str,
    medians_ms: Mapping[str, float],
    *,
    scale: float = 1.0,
    spread: float = 0.0,
    suspect: bool = False,
    context: ExecutionContext = CONTEXT,
) -> SessionResult:
    """A session that measured these medians by digest."""
    results = tuple(
        SubjectResult(
            digest=digest, summary=summary(median, spread), scale=scale, suspect=suspect, num_repeats=0
        )
        for digest, median in medians_ms.items()
    )
    return SessionResult(
        session_id=session_id,
        started_at=f"2026-01-01T00:00:0{len(session_id)}+00:00",
        device=DEVICE,
        context=context,
        timing=LAYER_PROTOCOL,
        cpus=(3,),
        results=results,
        readings=(),
        reference_ms={"anchor": 0.5},
    )
