"""What a session measures when, and how drift is taken out. Pure: measuring and the clock are functions.

Sessions and minutes differ more than repeats do: a whole device can shift by percents, and work on the
other thread of a core slows it by a half. So subjects run in random order, and fixed networks, the anchors,
run at the start, after every few subjects and at the end. Their times, over those of the reference, say how
slow the device was; subjects are divided by that, interpolated in time.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from latency_predictors.measure import NS_PER_S, Summary
from latency_predictors.protocol import AnchorReading, SubjectResult
from search_spaces.errors import MeasurementError


@dataclass(frozen=True)
class DriftRules:
    """When anchors are measured and what their moves mean. Shares are of the faster of two times.

    Attributes:
        segment_subjects: Subjects between two readings of the anchors, at most.
        segment_s: Seconds between two readings, at most.
        repeat_above: Subjects between readings that differ by more than this share are measured again.
        max_repeats: After so many repeats, or as many in the session as it has subjects, a subject is kept
            as suspect, if the readings differ by less than
        void_above: a jump, between whose ends nothing is kept.
        max_jumps: A session in which a subject was repeated so often for jumps is worth nothing.
        agreement: Anchors whose scales differ by more than this share do not surely speak for other networks:
            subjects are suspect.
        max_correction: A scale further from 1 than this share makes a subject suspect.
        disturbed_above: A device slower than before by this share is given time to come to rest.
        patience_s: Seconds of a session spent on waiting for that, at most.
    """

    segment_subjects: int = 10
    segment_s: float = 60.0
    repeat_above: float = 0.05
    max_repeats: int = 2
    void_above: float = 0.20
    max_jumps: int = 5
    agreement: float = 0.08
    max_correction: float = 0.20
    disturbed_above: float = 0.08
    patience_s: float = 6.0


@dataclass(frozen=True)
class Outcome:
    """Everything a session found out.

    Attributes:
        results: One for each subject.
        readings: The anchors, in order of time.
        reference_ms: Medians of the anchors that counted as scale 1.
    """

    results: tuple[SubjectResult, ...]
    readings: tuple[AnchorReading, ...]
    reference_ms: dict[str, float]


@dataclass(frozen=True)
class _Timed:
    digest: str
    at_ns: int
    summary: Summary
    before: AnchorReading
    after: AnchorReading
    moved: bool
    num_repeats: int


def run_schedule(
    subjects: Sequence[str],
    anchors: Sequence[str],
    measure: Callable[[str], Summary],
    clock: Callable[[], int],
    rng: np.random.Generator,
    reference_ms: Mapping[str, float] | None = None,
    rules: DriftRules | None = None,
) -> Outcome:
    """Measure all subjects and correct them for drift.

    Args:
        subjects: Digests to measure.
        anchors: Digests of the anchors, at least one.
        measure: Measures one digest.
        clock: Monotonic time in nanoseconds.
        rng: Decides the order.
        reference_ms: Medians of the anchors that count as scale 1; by default those of this session at rest.
        rules: When to repeat, when to give up.

    Raises:
        MeasurementError: `session_void` where the device's speed keeps jumping, `anchor_mismatch` where the
            reference belongs to other anchors.
    """
    if reference_ms and set(reference_ms) != set(anchors):
        raise MeasurementError(
            "anchor_mismatch", "the table was made with other anchors: remove it and profile the device again"
        )
    rules = rules or DriftRules()
    watch = _Watch(anchors, measure, clock, rules, reference_ms)
    queue = deque(subjects[i] for i in rng.permutation(len(subjects)))
    repeats: Counter[str] = Counter()
    accepted: list[_Timed] = []
    watch.wait(watch.look())
    while queue:
        before = watch.readings[-1]
        timed = _segment(queue, before, measure, clock, rules)
        after = watch.look()
        moved = _move(before, after)
        affordable = repeats.total() < len(subjects)
        for digest, at_ns, summary in timed:
            again = moved > rules.repeat_above and repeats[digest] < rules.max_repeats
            if (again and affordable) or moved > rules.void_above:
                repeats[digest] += 1
                queue.append(digest)
            else:
                held = moved > rules.repeat_above
                accepted.append(_Timed(digest, at_ns, summary, before, after, held, repeats[digest]))
        _check_not_void(max(repeats.values(), default=0), moved, rules)
        if queue:
            watch.wait(after)
    reference = dict(reference_ms) if reference_ms else _at_rest(watch.readings, rules)
    results = tuple(_corrected(one, reference, rules) for one in accepted)
    return Outcome(results, tuple(watch.readings), reference)


class _Watch:
    """Reads the anchors; where the device has become slower, waits a little for it to come to rest."""

    def __init__(
        self,
        anchors: Sequence[str],
        measure: Callable[[str], Summary],
        clock: Callable[[], int],
        rules: DriftRules,
        reference_ms: Mapping[str, float] | None,
    ) -> None:
        self._anchors = anchors
        self._measure = measure
        self._clock = clock
        self._rules = rules
        self._patience_ns = rules.patience_s * NS_PER_S
        self._level_ms = dict(reference_ms or {})
        self.readings: list[AnchorReading] = []

    def look(self) -> AnchorReading:
        """Measure the anchors now."""
        begin = self._clock()
        medians = {digest: self._measure(digest).median_ms for digest in self._anchors}
        self.readings.append(AnchorReading(at_ns=(begin + self._clock()) // 2, median_ms=medians))
        return self.readings[-1]

    def wait(self, reading: AnchorReading) -> None:
        """Look again while the device is disturbed and the session has patience left."""
        while self._disturbed(reading) and self._patience_ns > 0:
            begin = self._clock()
            reading = self.look()
            self._patience_ns -= self._clock() - begin
        self._level_ms = reading.median_ms

    def _disturbed(self, reading: AnchorReading) -> bool:
        if not self._level_ms:
            return False
        ratios = [reading.median_ms[digest] / level for digest, level in self._level_ms.items()]
        return math.prod(ratios) ** (1 / len(ratios)) > 1 + self._rules.disturbed_above


def _segment(
    queue: deque[str],
    before: AnchorReading,
    measure: Callable[[str], Summary],
    clock: Callable[[], int],
    rules: DriftRules,
) -> list[tuple[str, int, Summary]]:
    """Measure from the queue until the anchors are due; return digests, times of the middle, summaries."""
    timed: list[tuple[str, int, Summary]] = []
    while queue and len(timed) < rules.segment_subjects:
        begin = clock()
        if timed and begin - before.at_ns >= rules.segment_s * NS_PER_S:
            break
        summary = measure(queue[0])
        timed.append((queue.popleft(), (begin + clock()) // 2, summary))
    return timed


def _move(before: AnchorReading, after: AnchorReading) -> float:
    """Return the largest change of an anchor between two readings, as a share."""
    ratios = (after.median_ms[digest] / value for digest, value in before.median_ms.items())
    return max(max(ratio, 1 / ratio) - 1 for ratio in ratios)


def _check_not_void(most_repeats: int, moved: float, rules: DriftRules) -> None:
    if most_repeats > rules.max_jumps:
        raise MeasurementError(
            "session_void",
            f"the device's speed keeps jumping, by {moved:.0%} between two looks (limit "
            f"{rules.void_above:.0%}): end other work on it, or let it cool, and measure again",
        )


def _at_rest(readings: Sequence[AnchorReading], rules: DriftRules) -> dict[str, float]:
    """Return the anchors' medians over the readings that were not disturbed.

    The fastest quarter tells what the device does at rest; all readings near it count.
    """
    slowness = [math.prod(reading.median_ms.values()) ** (1 / len(reading.median_ms)) for reading in readings]
    fastest = sorted(slowness)[: -(-len(slowness) // 4)]
    limit = median(fastest) * (1 + rules.repeat_above)
    rest = [reading.median_ms for reading, slow in zip(readings, slowness, strict=True) if slow <= limit]
    return {digest: median(medians[digest] for medians in rest) for digest in rest[0]}


def _corrected(timed: _Timed, reference_ms: Mapping[str, float], rules: DriftRules) -> SubjectResult:
    span = timed.after.at_ns - timed.before.at_ns
    share = (timed.at_ns - timed.before.at_ns) / span if span else 0.5
    scales = []
    for digest, reference in reference_ms.items():
        begin, end = timed.before.median_ms[digest], timed.after.median_ms[digest]
        scales.append((begin + share * (end - begin)) / reference)
    agree = max(scales) / min(scales) - 1 <= rules.agreement
    scale = math.prod(scales) ** (1 / len(scales))
    return SubjectResult(
        digest=timed.digest,
        summary=timed.summary,
        scale=scale,
        suspect=timed.moved or not agree or max(scale, 1 / scale) > 1 + rules.max_correction,
        num_repeats=timed.num_repeats,
    )
