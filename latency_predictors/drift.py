"""Drift: what the anchors say of a device's speed, and results divided by it. Pure.

The first anchor's time, over that of the reference, says how slow the device was; subjects are divided by
that, interpolated in time. The other anchors say whether it speaks for them: others' use of the memory hits
each file differently, and no scale takes that out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from latency_predictors.protocol import (
    AnchorReading,
    Segment,
    SessionResult,
    SubjectFailure,
    SubjectResult,
    Timed,
)


@dataclass(frozen=True)
class DriftRules:
    """When anchors are measured and what their moves mean. Shares are of the faster of two times.

    Attributes:
        segment_subjects: Subjects between two readings of the anchors, at most; after a jump half as many.
        segment_s: Seconds between two readings, at most.
        repeat_above: Subjects during which the device moved by more are measured again.
        max_repeats: After so many repeats, or as many in the session as it has subjects, a subject is kept
            as suspect, unless the device moved by more than
        void_above: a jump, between whose ends nothing is kept; or one anchor alone by more than
        leap_above: likewise.
        max_jumps: A session with more jumps than this and one for every second subject is worth nothing.
        agreement: Anchors whose scales differ by more than this share, or one of which moves by more, do not
            surely speak for other networks: subjects are suspect, and not measured again at once.
        max_correction: A scale further from 1 than this share makes a subject suspect.
        disturbed_above: A device slower than before by this share is given time to come to rest.
        patience_s: Seconds of a session spent on waiting for that, at most.
        rest_within: Readings slower than the fastest quarter's median by at most this share are at rest.
    """

    segment_subjects: int = 10
    segment_s: float = 60.0
    repeat_above: float = 0.05
    max_repeats: int = 2
    void_above: float = 0.20
    leap_above: float = 0.30
    max_jumps: int = 5
    agreement: float = 0.15
    max_correction: float = 0.20
    disturbed_above: float = 0.08
    patience_s: float = 6.0
    rest_within: float = 0.025


NO_REPEATS: Final = DriftRules(max_repeats=0, void_above=math.inf, leap_above=math.inf, patience_s=0.0)
"""Measures everything once, whatever disturbs it: it is suspect then."""


_AGREE: Final = 2
"""Sessions that have to find a device much faster than its reference: one process alone may be lucky."""


@dataclass(frozen=True)
class Outcome:
    """Everything a session found out.

    Attributes:
        results: One for each subject that was measured.
        failures: One for each that cannot be.
        readings: The anchors, in order of time.
        reference_ms: Medians of the anchors that counted as scale 1.
    """

    results: tuple[SubjectResult, ...]
    failures: tuple[SubjectFailure, ...]
    readings: tuple[AnchorReading, ...]
    reference_ms: dict[str, float]


def outcome(
    found: Sequence[Segment],
    reference_ms: Mapping[str, float] | None = None,
    rules: DriftRules | None = None,
) -> Outcome:
    """Return what segments of a session say together: every subject divided by the scale.

    Args:
        found: All of the session; none where nothing could be measured.
        reference_ms: As in `segments`.
        rules: As in `segments`.
    """
    rules = rules or DriftRules()
    around = around_kept(found)
    reference = dict(reference_ms or (at_rest(around, rules) if around else {}))
    return Outcome(
        results=tuple(_corrected(one, reference, rules) for segment in found for one in segment.timed),
        failures=tuple(failure for segment in found for failure in segment.failures),
        readings=tuple(reading for segment in found for reading in segment.readings),
        reference_ms=reference,
    )


def around_kept(found: Sequence[Segment]) -> list[AnchorReading]:
    """Return the readings before and after what was kept, each once.

    Those in between were taken while the device was disturbed: they say how long, not how fast it is.
    """
    kept = [timed for segment in found for timed in segment.timed]
    return list(
        {reading.at_ns: reading for timed in kept for reading in (timed.before, timed.after)}.values()
    )


def slowness(medians_ms: Mapping[str, float], reference_ms: Mapping[str, float]) -> float:
    """Return how many times slower a device was than at a reference, by the first anchor that both have.

    A small network: like most subjects it lives in the caches. Additions that are bound by memory are slowed
    by whoever else uses that, for seconds and minutes, while nothing else is.
    """
    ratios = (value / reference_ms[digest] for digest, value in medians_ms.items() if digest in reference_ms)
    return next(ratios, 1.0)


def move(before: AnchorReading, after: AnchorReading) -> float:
    """Return by what share the device has become slower or faster between two readings."""
    ratio = slowness(after.median_ms, before.median_ms)
    return max(ratio, 1 / ratio) - 1


def largest_move(before: AnchorReading, after: AnchorReading) -> float:
    """Return by what share the anchor has become slower or faster that moved most."""
    ratios = (after.median_ms[digest] / value for digest, value in before.median_ms.items())
    return max(max(ratio, 1 / ratio) - 1 for ratio in ratios)


def at_rest(readings: Sequence[AnchorReading], rules: DriftRules) -> dict[str, float]:
    """Return the anchors' medians over the readings of a device that was not disturbed.

    The fastest quarter tells what the device does at rest; all readings near its median count. Not the
    fastest alone: many devices are faster for their first seconds than they can be for long.
    """
    first = readings[0].median_ms
    slow = [slowness(reading.median_ms, first) for reading in readings]
    fastest = sorted(slow)[: -(-len(slow) // 4)]
    limit = median(fastest) * (1 + rules.rest_within)
    rest = [reading.median_ms for reading, one in zip(readings, slow, strict=True) if one <= limit]
    return {digest: median(medians[digest] for medians in rest) for digest in first}


def against(session: SessionResult, reference_ms: Mapping[str, float]) -> SessionResult:
    """Return a session as it is against another reference than its own, all of it suspect then.

    A device whose first session was slow gets the reference of a later one; the first one counts on, but does
    not confirm anything. What was published was held against no anchors: it stays as it is.
    """
    as_it_is = session.reference_ms == reference_ms or session.provenance == "published"
    if as_it_is or not session.results:
        return session
    factor = slowness(session.reference_ms, reference_ms)
    results = tuple(
        result.model_copy(update={"scale": result.scale * factor, "suspect": True})
        for result in session.results
    )
    return session.model_copy(update={"results": results, "reference_ms": dict(reference_ms)})


def times_faster(sessions: Sequence[SessionResult], rules: DriftRules | None = None) -> float:
    """Return how many times faster a device is than its reference has it, as all of some sessions say.

    1 where that is no more than scales correct for, or fewer than two sessions of an undisturbed device say
    so: the reference was set by a device that was slow for long, and everything that it was set for is too
    slow.
    """
    rules = rules or DriftRules()
    told = [one for one in sessions if one.results and not one.conditions.disturbed]
    if len(told) < _AGREE:
        return 1.0
    slowest = max(median(result.scale for result in session.results) for session in told)
    return 1.0 / slowest if slowest * (1.0 + rules.max_correction) < 1.0 else 1.0


def _corrected(timed: Timed, reference_ms: Mapping[str, float], rules: DriftRules) -> SubjectResult:
    span = timed.after.at_ns - timed.before.at_ns
    share = (timed.at_ns - timed.before.at_ns) / span if span else 0.5
    after_ms = timed.after.median_ms
    now_ms = {digest: ms + share * (after_ms[digest] - ms) for digest, ms in timed.before.median_ms.items()}
    scale = slowness(now_ms, reference_ms)
    each = [now_ms[digest] / value for digest, value in reference_ms.items()]
    agree = max(each) / min(each) - 1 <= rules.agreement
    return SubjectResult(
        digest=timed.digest,
        summary=timed.summary,
        scale=scale,
        suspect=timed.moved or not agree or max(scale, 1 / scale) > 1 + rules.max_correction,
        num_repeats=timed.num_repeats,
    )
