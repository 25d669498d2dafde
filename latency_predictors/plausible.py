"""Whether a session that came from elsewhere can have happened: every value against what it says of itself.

Whoever sends wrong values by mistake, in another unit for example, contradicts the time that the session
took: what was timed fits between its first and its last look at the anchors, and is no less than its protocol
asks for. Both are in the session itself, so no earlier measurement is needed to see it. Its date and its
reference decide how it stands beside other sessions, and are held against what the service knows of those.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final

from latency_predictors.clock import NS_PER_MS, NS_PER_S
from latency_predictors.drift import DriftRules
from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.measure import Summary
from latency_predictors.protocol import FILE_ERRORS, SessionResult, SubjectResult
from latency_predictors.wire_types import LEAST_MS, MOST_MS

_MOST_MJ: Final = 1e3 * MOST_MS
"""Millijoules of one inference, and more: a kilowatt for a quarter of an hour."""

LARGEST_SCALE: Final = 50.0
"""By how much the anchors can say that a device is slower or faster than at rest."""

_SLACK: Final = 1.05
_ROUNDING: Final = 1e-6
_ANCHOR_BLOCKS: Final = (
    3  # of the five blocks at least of a look at an anchor so many take its median or longer
)
_ENERGY_FACTOR: Final = 2.0
_FLOOR: Final = 0.2
"""Share of the protocol's shortest duration below which nobody has timed anything."""


def implausible(session: SessionResult, *, replays: bool = False) -> str:
    """Return why a session cannot have happened as it says; empty where nothing speaks against it.

    Args:
        session: That came from elsewhere.
        replays: Whether whoever delivers it has said that it answers with what somebody published.
    """
    if session.provenance == "published":
        return _of_published(session) if replays else "a device delivers what it has measured itself"
    if zoned_s(session.started_at) is None:
        return "started_at is no time with a time zone"
    if strange := _of_failures(session):
        return strange
    if any(not _positive(value) for value in session.reference_ms.values()):
        return "a reference of the anchors is not positive"
    if reason := _of_anchors(session):
        return reason
    for result in session.results:
        if reason := _of_result(result, session):
            return f"{result.digest[:12]}: {reason}"
    return _of_span(session)


def misdated(session: SessionResult, begin_s: float, end_s: float) -> str:
    """Return why a session cannot have begun when it says; empty where it can, or was published some day.

    Args:
        session: With a date that `implausible` takes.
        begin_s: Nobody can have measured it earlier, in seconds since 1970,
        end_s: or later.
    """
    began_s = zoned_s(session.started_at)
    if session.provenance == "published":
        return ""
    if began_s is not None and begin_s <= began_s <= end_s:
        return ""
    return (
        f"it is dated {session.started_at[:40]}, before it was asked for or after now: set the board's clock"
    )


def known_reference(session: SessionResult, known: Iterable[Mapping[str, float]] = ()) -> bool:
    """Return whether the anchors' reference of a session is one of some, or near what it read itself.

    What was published is held against none; its session may hand one on.

    Near is what may be corrected for before results are suspect (`DriftRules.max_correction`). A reference
    that is neither would be handed to whoever measures next, and every honest session be refused for it.

    Args:
        session: That `implausible` finds nothing in.
        known: References of other sessions of the device and context.
    """
    if not session.results or (session.provenance == "published" and not session.reference_ms):
        return True
    reference, near = session.reference_ms, 1 + DriftRules().max_correction
    read = _extremes(session) if session.readings else {}
    if read and all(low / near <= reference[anchor] <= high * near for anchor, (low, high) in read.items()):
        return True
    return any(
        one.keys() == reference.keys()
        and all(math.isclose(reference[anchor], value_ms) for anchor, value_ms in one.items())
        for one in known
    )


def zoned_s(at: str) -> float | None:
    """Return a moment in seconds since 1970; None where it is no time with a time zone, ISO 8601."""
    try:
        began = datetime.fromisoformat(at)
        return began.timestamp() if began.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _of_failures(session: SessionResult) -> str:
    if strange := {failure.code for failure in session.failures}.difference(FILE_ERRORS):
        return f"a file fails with {' or '.join(FILE_ERRORS)}, not with {min(strange)[:60]!r}"
    return ""


def _of_published(session: SessionResult) -> str:
    """Hold a session that nobody has timed against itself: its values are all that can be looked at."""
    if session.started_at and zoned_s(session.started_at) is None:
        return "started_at is neither empty nor a time with a time zone"
    if any(result.summary.energy is not None for result in session.results):
        return "no meter has seen what was published"
    if session.readings or any(result.scale != 1.0 for result in session.results):
        return "what was published is corrected by no anchors"
    for result in session.results:
        if reason := _of_values(result.summary, _values(result.summary)):
            return f"{result.digest[:12]}: {reason}"
    return _of_failures(session)


def _of_anchors(session: SessionResult) -> str:
    """Hold the scale of every result against what was read of the anchors: it lies between two readings."""
    if not session.results:
        return ""
    if len(session.readings) < 2:
        return "nobody looked at the anchors before and after"
    anchors = session.reference_ms.keys()
    if not anchors or any(reading.median_ms.keys() != anchors for reading in session.readings):
        return "its readings and its reference are of other anchors"
    if not all(_positive(value) for reading in session.readings for value in reading.median_ms.values()):
        return "a reading of the anchors is not positive"
    read, reference = _extremes(session), session.reference_ms
    low = min(shortest / reference[anchor] for anchor, (shortest, _) in read.items())
    high = max(longest / reference[anchor] for anchor, (_, longest) in read.items())
    for result in session.results:
        if not low * (1 - _ROUNDING) <= result.scale <= high * (1 + _ROUNDING):
            told = f"its scale is {result.scale:g}, its anchors say {low:g} to {high:g}"
            return f"{result.digest[:12]}: {told}"
    return ""


def _extremes(session: SessionResult) -> dict[str, tuple[float, float]]:
    """Return the shortest and the longest time that was read of each anchor of the reference."""
    read = {anchor: [one.median_ms[anchor] for one in session.readings] for anchor in session.reference_ms}
    return {anchor: (min(values), max(values)) for anchor, values in read.items()}


def _of_result(result: SubjectResult, session: SessionResult) -> str:
    summary, values = result.summary, _values(result.summary)
    if reason := _of_values(summary, values):
        return reason
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
    if reason := _of_mean(summary, values):
        return reason
    return _of_energy(summary.energy) if session.timing.energy or summary.energy is not None else ""


def _values(summary: Summary) -> tuple[float, ...]:
    """Return all that is some block's time, or lies between those of two."""
    of_all = (summary.min_ms, summary.median_ms, summary.mean_ms, summary.low_ms, summary.high_ms)
    tails = (summary.p10_ms, summary.p90_ms, summary.p99_ms)
    optional = (summary.p95_ms, summary.p95_low_ms, summary.p95_high_ms, summary.first_ms, summary.last_ms)
    return (*of_all, *tails, *(one for one in optional if one is not None))


def _of_values(summary: Summary, values: tuple[float, ...]) -> str:
    """Hold the statistics of the blocks, and with them their `_values`, against each other."""
    if not (min(values) > 0 and math.isfinite(sum(values))):  # a sum is no number where one of them is none
        return "a latency is not positive and finite"
    if not (summary.std_ms >= 0 and math.isfinite(summary.std_ms)):
        return "a standard deviation is negative or not finite"
    if not _ordered(summary.min_ms, summary.p10_ms, summary.median_ms, summary.p90_ms, summary.p99_ms):
        return "its percentiles are not in order"
    if not _ordered(summary.low_ms, summary.median_ms, summary.high_ms):
        return "its median is not in its interval"
    kept = (summary.p95_low_ms, summary.p95_ms, summary.p95_high_ms)
    if not _ordered(*(one for one in kept if one is not None)):
        return "its 95th percentile is not in its interval"
    return ""


def _of_mean(summary: Summary, values: tuple[float, ...]) -> str:
    """Hold `_values` against the mean: where one block is slow all others are no faster than the fastest."""
    above_ms = summary.mean_ms - summary.min_ms
    slowest_ms = summary.min_ms + summary.num_blocks * above_ms
    if not _ordered(summary.min_ms, min(values)) or not _ordered(max(values), slowest_ms):
        return (
            f"with that mean no block takes less than {summary.min_ms:.3g} or more than {slowest_ms:.3g} ms"
        )
    # Largest where one block is the slowest and all others the fastest (Bhatia and Davis 2000).
    if not summary.std_ms <= math.sqrt(summary.num_blocks) * above_ms + _ROUNDING * summary.mean_ms:
        return f"with that mean its standard deviation is not {summary.std_ms:.3g} ms"
    return ""


def _of_energy(energy: MeasuredEnergy | None) -> str:
    """Hold an energy against the power and the time that are told beside it."""
    if energy is None:
        return "no meter has seen it, and its protocol asks for that"
    if {energy.gross.kind, energy.net.kind} != {"measured"}:
        return "an energy is not measured"
    if energy.gross.scope != energy.net.scope:
        return f"its energies are of {energy.gross.scope} and {energy.net.scope}, one meter sees one of them"
    values = (energy.gross.lower_mj, energy.gross.value_mj, energy.gross.upper_mj, energy.mean_w)
    if not all(LEAST_MS <= one <= _MOST_MJ for one in values) or not _positive(energy.latency_ms):
        return "an energy is not positive and finite"
    # Milliseconds times watts are millijoules; both are medians of the same few windows.
    worked_out = energy.mean_w * energy.latency_ms
    if not 1 / _ENERGY_FACTOR <= energy.gross.value_mj / worked_out <= _ENERGY_FACTOR:
        return f"{energy.gross.value_mj:.3g} mJ are not {energy.mean_w:.3g} W for {energy.latency_ms:.3g} ms"
    return _of_net(energy) if _ordered(*values[:3]) else "an energy is not in its interval"


def _of_net(energy: MeasuredEnergy) -> str:
    """Hold the energy above idle, which is nothing or less where idling took as much, against `idle_w`."""
    if not all(abs(watts) <= MOST_MS for watts in energy.idle_w):
        return "a power at rest is not finite"
    gross, net = energy.gross, energy.net
    least_mj, most_mj = sorted(watts * energy.latency_ms for watts in energy.idle_w)
    near_mj = _ROUNDING * (gross.upper_mj + abs(least_mj) + abs(most_mj))
    for net_mj, gross_mj, rest_mj in (
        (net.lower_mj, gross.lower_mj, most_mj),
        (net.value_mj, gross.value_mj, (least_mj + most_mj) / 2),
        (net.upper_mj, gross.upper_mj, least_mj),
    ):
        if not abs(gross_mj - rest_mj - net_mj) <= near_mj:
            return f"{net_mj:.3g} mJ above rest are not {gross_mj:.3g} mJ less {rest_mj:.3g}"
    return ""


def _of_span(session: SessionResult) -> str:
    """Hold what was timed in all against how long the session took."""
    if not session.results:
        return ""
    times = [reading.at_ns for reading in session.readings]
    span_ms = (max(times) - min(times)) / NS_PER_MS
    took_ms = sum(_took_ms(result.summary, session.context.pause_ms) for result in session.results)
    if took_ms > _SLACK * span_ms:
        return f"its files took {took_ms:.3g} ms in all, the session {span_ms:.3g}: is that another unit?"
    # Of the first and the last look a half each is outside the span.
    looks_ms = [_ANCHOR_BLOCKS * sum(reading.median_ms.values()) for reading in session.readings]
    looked_ms = sum(looks_ms) - (looks_ms[0] + looks_ms[-1]) / 2
    if took_ms + looked_ms > _SLACK * span_ms:
        return f"its anchors took {looked_ms:.3g} ms, the session {span_ms:.3g}: is that another unit?"
    return ""


def _took_ms(summary: Summary, pause_ms: float) -> float:
    """Return how long all blocks took, with the pauses before them, which count as time."""
    return summary.num_blocks * (summary.mean_ms * summary.runs_per_block + pause_ms)


def _ordered(*values: float) -> bool:
    """Return whether values increase, as far as rounding allows."""
    for a, b in pairwise(values):  # noqa: SIM110 - thousands of times a pack: `all` takes twice as long
        if not a <= b * (1 + _ROUNDING):
            return False
    return True


def _positive(value: float) -> bool:
    """Return whether a time is one: what is made of several of them is finite then."""
    return LEAST_MS <= value <= MOST_MS
