"""Whether a session that came from elsewhere can have happened: every value against what it says of itself.

Whoever sends wrong values by mistake, in another unit for example, contradicts the time that the session
took: what was timed fits between its first and its last look at the anchors, and is no less than its protocol
asks for. Both are in the session itself, so no earlier measurement is needed to see it.
"""

import math
from datetime import datetime
from itertools import pairwise
from typing import Final

from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.measure import NS_PER_MS, NS_PER_S, Summary
from latency_predictors.protocol import FILE_ERRORS, SessionResult, SubjectResult

LARGEST_SCALE: Final = 50.0
"""By how much the anchors can say that a device is slower or faster than at rest."""

_SLACK: Final = 1.05
_ENERGY_FACTOR: Final = 2.0
_FLOOR: Final = 0.2
"""Share of the protocol's shortest duration below which nobody has timed anything."""


def implausible(session: SessionResult) -> str:
    """Return why a session cannot have happened as it says; empty where nothing speaks against it."""
    if session.provenance != "measured":
        return "a device delivers what it has measured itself"
    try:
        aware = datetime.fromisoformat(session.started_at).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        return "started_at is no time with a time zone"
    if strange := {failure.code for failure in session.failures}.difference(FILE_ERRORS):
        return f"a file fails with {' or '.join(FILE_ERRORS)}, not with {min(strange)[:60]!r}"
    if any(not _positive(value) for value in session.reference_ms.values()):
        return "a reference of the anchors is not positive"
    for result in session.results:
        if reason := _of_result(result, session):
            return f"{result.digest[:12]}: {reason}"
    return _of_span(session)


def _of_result(result: SubjectResult, session: SessionResult) -> str:
    summary = result.summary
    values = (summary.min_ms, summary.median_ms, summary.mean_ms, summary.low_ms, summary.high_ms)
    tails = (summary.p10_ms, summary.p90_ms, summary.p99_ms)
    optional = (summary.p95_ms, summary.p95_low_ms, summary.p95_high_ms, summary.first_ms, summary.last_ms)
    if not all(map(_positive, (*values, *tails, *(one for one in optional if one is not None)))):
        return "a latency is not positive and finite"
    if not (summary.std_ms >= 0 and math.isfinite(summary.std_ms)):
        return "a standard deviation is negative or not finite"
    ordered = (summary.min_ms, summary.p10_ms, summary.median_ms, summary.p90_ms, summary.p99_ms)
    if not all(a <= b * (1 + 1e-9) for a, b in pairwise(ordered)):
        return "its percentiles are not in order"
    if summary.num_blocks < 1 or summary.runs_per_block < 1 or result.num_repeats < 0:
        return "it was never run"
    if not 1 / LARGEST_SCALE <= result.scale <= LARGEST_SCALE:
        return f"its scale is {result.scale:g}"
    took_ms = _took_ms(summary, session.context.pause_ms)
    if took_ms < _FLOOR * session.timing.min_duration_s * NS_PER_S / NS_PER_MS:
        return (
            f"it was timed for {took_ms:.3g} ms in all, its protocol asks for "
            f"{1000 * session.timing.min_duration_s:g}: is that another unit?"
        )
    return _of_energy(summary.energy) if session.timing.energy else ""


def _of_energy(energy: MeasuredEnergy | None) -> str:
    """Hold an energy against the power and the time that are told beside it."""
    if energy is None:
        return "no meter has seen it, and its protocol asks for that"
    values = (energy.gross.lower_mj, energy.gross.value_mj, energy.gross.upper_mj, energy.mean_w)
    if not all(map(_positive, (*values, energy.latency_ms))):
        return "an energy is not positive and finite"
    # Milliseconds times watts are millijoules; both are medians of the same few windows.
    worked_out = energy.mean_w * energy.latency_ms
    if not 1 / _ENERGY_FACTOR <= energy.gross.value_mj / worked_out <= _ENERGY_FACTOR:
        return f"{energy.gross.value_mj:.3g} mJ are not {energy.mean_w:.3g} W for {energy.latency_ms:.3g} ms"
    return ""


def _of_span(session: SessionResult) -> str:
    """Hold what was timed in all against how long the session took."""
    times = [reading.at_ns for reading in session.readings]
    if not session.results:
        return ""
    if len(times) < 2:
        return "nobody looked at the anchors before and after"
    span_ms = (max(times) - min(times)) / NS_PER_MS
    took_ms = math.fsum(_took_ms(result.summary, session.context.pause_ms) for result in session.results)
    if took_ms > _SLACK * span_ms:
        return f"its files took {took_ms:.3g} ms in all, the session {span_ms:.3g}: is that another unit?"
    return ""


def _took_ms(summary: Summary, pause_ms: float) -> float:
    """Return how long all blocks took, with the pauses before them, which count as time."""
    return summary.num_blocks * (summary.mean_ms * summary.runs_per_block + pause_ms)


def _positive(value: float) -> bool:
    return value > 0 and math.isfinite(value)
