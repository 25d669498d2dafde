"""What a session measures when. Pure: measuring and the clock are functions.

Sessions and minutes differ more than repeats do: a whole device can shift by percents, and work on the
other thread of a core slows it by a half. So subjects run in random order, and fixed networks, the anchors,
run at the start, after every few subjects and at the end. What they show is taken out by `drift`.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from latency_predictors.clock import NS_PER_S
from latency_predictors.core_watch import WatchRules
from latency_predictors.drift import DriftRules, Outcome, largest_move, move, outcome, slowness
from latency_predictors.measure import Summary
from latency_predictors.protocol import FILE_ERRORS, AnchorReading, Segment, SubjectFailure, Timed
from search_spaces.errors import MeasurementError

_Measured = tuple[str, int, Summary]
"""Digest, time of the middle, what was measured."""


def run_schedule(
    subjects: Sequence[str],
    anchors: Sequence[str],
    measure: Callable[[str], Summary],
    clock: Callable[[], int],
    rng: np.random.Generator,
    reference_ms: Mapping[str, float] | None = None,
    rules: DriftRules | None = None,
) -> Outcome:
    """Measure all subjects and correct them for drift; see `segments`."""
    return outcome(
        list(segments(subjects, anchors, measure, clock, rng, reference_ms, rules)), reference_ms, rules
    )


def segments(
    subjects: Sequence[str],
    anchors: Sequence[str],
    measure: Callable[[str], Summary],
    clock: Callable[[], int],
    rng: np.random.Generator,
    reference_ms: Mapping[str, float] | None = None,
    rules: DriftRules | None = None,
) -> Iterator[Segment]:
    """Measure all subjects; yield what is kept, from one reading of the anchors to the next.

    Args:
        subjects: Digests to measure.
        anchors: Digests of the anchors, at least one.
        measure: Measures one digest. Where it raises one of `FILE_ERRORS`, the subject has failed and the
            others go on.
        clock: Monotonic time in nanoseconds.
        rng: Decides the order.
        reference_ms: Medians of the anchors that count as scale 1; by default those of this session at rest.
        rules: When to repeat, when to give up.

    Raises:
        MeasurementError: `session_void` where the device's speed keeps jumping, `anchor_mismatch` where the
            reference belongs to other anchors, `clock_jumped`.
    """
    rules = rules or DriftRules()
    watch = _Watch(anchors, measure, clock, rules, reference_ms)
    queue = _Queue([subjects[i] for i in rng.permutation(len(subjects))], rules)
    watch.wait(watch.look())
    while queue.waiting:
        before = watch.latest
        measured, failures = _segment(queue.waiting, queue.most, before, measure, clock, rules)
        after = watch.look()
        kept = queue.kept(measured, before, after)
        yield Segment(timed=tuple(kept), failures=tuple(failures), readings=watch.untold())
        if queue.waiting:
            watch.wait(after)


class _Queue:
    """What is to be measured still, and how often each subject was measured again because anchors moved."""

    def __init__(self, subjects: Sequence[str], rules: DriftRules) -> None:
        self.waiting = deque(subjects)
        self._num_subjects = len(subjects)
        self._repeats: Counter[str] = Counter()
        self._rules = rules
        self._jumps = 0
        self.most = rules.segment_subjects
        """Of a segment. Where speed jumps every second, as that of a core does whose other thread is somebody
        else's, short ones fit between two jumps."""

    def kept(self, measured: Sequence[_Measured], before: AnchorReading, after: AnchorReading) -> list[Timed]:
        """Return what counts of a segment; what does not waits again.

        Raises:
            MeasurementError: `session_void`.
        """
        moved, leap = move(before, after), largest_move(before, after)
        jumped = moved > self._rules.void_above or leap > self._rules.leap_above
        self.most = max(self.most // 2, 1) if jumped else min(self.most + 1, self._rules.segment_subjects)
        self._jumps += jumped
        self._check_not_void(leap)
        kept: list[Timed] = []
        drifted = moved > self._rules.repeat_above
        unsure = leap > self._rules.agreement
        affordable = self._repeats.total() < self._num_subjects
        for digest, at_ns, summary in measured:
            repeats = self._repeats[digest]
            restless = drifted or summary.disturbed
            again = restless and affordable and repeats < self._rules.max_repeats
            if again or jumped:
                self._repeats[digest] += 1
                self.waiting.append(digest)
                continue
            kept.append(
                Timed(
                    digest=digest,
                    at_ns=at_ns,
                    summary=summary,
                    before=before,
                    after=after,
                    moved=restless or unsure,
                    num_repeats=repeats,
                )
            )
        return kept

    def _check_not_void(self, leap: float) -> None:
        if self._jumps > self._rules.max_jumps + self._num_subjects // 2:
            raise MeasurementError(
                "session_void",
                f"the device's speed keeps jumping, by {leap:.0%} between two looks (limit "
                f"{self._rules.void_above:.0%}): end other work on it, or let it cool, and measure again",
            )


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
        if reference_ms and set(reference_ms) != set(anchors):
            raise MeasurementError(
                "anchor_mismatch",
                "the table was made with other anchors: remove it and profile the device again",
            )
        self._anchors = anchors
        self._measure = measure
        self._clock = clock
        self._rules = rules
        self._patience_ns = rules.patience_s * NS_PER_S
        self._level_ms = dict(reference_ms or {})
        self._readings: list[AnchorReading] = []
        self._num_told = 0

    @property
    def latest(self) -> AnchorReading:
        """The last reading."""
        return self._readings[-1]

    def untold(self) -> tuple[AnchorReading, ...]:
        """Return the readings since this was asked for last."""
        begin, self._num_told = self._num_told, len(self._readings)
        return tuple(self._readings[begin:])

    def look(self) -> AnchorReading:
        """Measure the anchors now."""
        begin = self._clock()
        found = self._measure_anchors()
        if any(map(_given_up, found.values())):
            # Some were measured before the core counted as slower, some after that.
            begin = self._clock()
            found = self._measure_anchors()
        medians = {digest: summary.median_ms for digest, summary in found.items()}
        reading = AnchorReading(at_ns=(begin + self._clock()) // 2, median_ms=medians)
        if self._readings and reading.at_ns < self.latest.at_ns:
            raise MeasurementError("clock_jumped", "the clock ran backwards between two looks: measure again")
        self._readings.append(reading)
        return reading

    def _measure_anchors(self) -> dict[str, Summary]:
        return {digest: self._measure(digest) for digest in self._anchors}

    def wait(self, reading: AnchorReading) -> None:
        """Look again while the device is disturbed and the session has patience left."""
        while self._disturbed(reading) and self._patience_ns > 0:
            begin = self._clock()
            reading = self.look()
            self._patience_ns -= self._clock() - begin
        self._level_ms = reading.median_ms

    def _disturbed(self, reading: AnchorReading) -> bool:
        return (
            slowness(reading.median_ms, self._level_ms or reading.median_ms) > 1 + self._rules.disturbed_above
        )


def _segment(
    queue: deque[str],
    most: int,
    before: AnchorReading,
    measure: Callable[[str], Summary],
    clock: Callable[[], int],
    rules: DriftRules,
) -> tuple[list[_Measured], list[SubjectFailure]]:
    """Measure some from the queue until the anchors are due; return digests, middles in time, summaries."""
    measured: list[_Measured] = []
    failures: list[SubjectFailure] = []
    while queue and len(measured) < most:
        begin = clock()
        if measured and begin - before.at_ns >= rules.segment_s * NS_PER_S:
            break
        digest = queue.popleft()
        try:
            summary = measure(digest)
        except MeasurementError as error:
            if error.code not in FILE_ERRORS:
                raise
            failures.append(SubjectFailure.of(digest, error))
        else:
            measured.append((digest, (begin + clock()) // 2, summary))
            if _given_up(summary):
                break  # the core is taken to have become slower: the anchors say whether that is so
    return measured, failures


def _given_up(summary: Summary) -> bool:
    """Whether the core was waited for in vain, and has counted as slow since then."""
    return summary.disturbed and summary.waited_s > WatchRules.file_s
