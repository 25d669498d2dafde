"""Timing of one subject: warm-up, blocks, stopping rule, statistics.

Pure: the subject is a function, the clock is a function, so every rule is testable without hardware.
The rules follow what the field's tools have in common (TFLite `benchmark_model`, trtexec, TVM,
`torch.utils.benchmark`): a floor of count *and* of duration, the median as the headline, the interval of the
median as the reason to stop.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from latency_predictors.clock import NS_PER_MS, NS_PER_S, check_clock
from latency_predictors.core_watch import CoreWatch, QuietBlocks
from latency_predictors.energy_figure import MeasuredEnergy
from latency_predictors.quantiles import median_interval, quantile_interval
from search_spaces.base import FloatArray

_WARM_UP_WINDOW = 5
_CHECK_GROWTH = 1.25  # the interval is looked at after every further quarter of the blocks
_FEWEST_BLOCKS = 5  # at the ceiling too: the median of fewer is worth nothing where one of them is an outlier
_FEWEST_TAIL_BLOCKS = (
    75  # likewise: with 0.95^n <= 0.025 the slowest is above the percentile, as an end has to be
)
_MEDIAN_BLOCKS = 60
_PART = 10  # the first and last tenth of the blocks tell whether a device slows down


@dataclass(frozen=True)
class TimingProtocol:
    """Floors and ceilings of one measurement.

    Attributes:
        warm_up_runs: Runs before anything counts, at least (and at least ten, to see that it is steady).
        warm_up_s: Seconds of warm-up, at least.
        warm_up_ceiling_s: Seconds after which measuring starts though the runs are not yet steady.
        steady: Relative difference of two successive medians of five runs that counts as steady.
        block_s: Shortest block; runs faster than this are timed several at once. 0 times every run alone,
            which is what percentiles of single runs need.
        min_blocks: Blocks, at least.
        min_duration_s: Seconds of timed blocks, at least.
        interval: Stop when half the width of the median's 95 % interval is within this share of the median.
        ceiling_s: Stop anyway after so many seconds of timed blocks and `fewest_blocks` of them; the result
            is then `wide`.
        energy: Whether a meter watches the subject as well, once it was timed.
        undisturbed: Whether only blocks count during which nobody else slowed the core down, for which it is
            waited. Tails are made of what disturbs, and a device that gets hot is to be seen slow.
    """

    warm_up_runs: int
    warm_up_s: float
    warm_up_ceiling_s: float
    steady: float
    block_s: float
    min_blocks: int
    min_duration_s: float
    interval: float
    ceiling_s: float
    energy: bool = False
    undisturbed: bool = False

    @property
    def of_tails(self) -> bool:
        """Whether it is for percentiles of single runs: it has more blocks than a median needs."""
        return self.min_blocks > _MEDIAN_BLOCKS

    @property
    def fewest_blocks(self) -> int:
        """Blocks at the ceiling too."""
        return _FEWEST_TAIL_BLOCKS if self.of_tails else _FEWEST_BLOCKS


LAYER_PROTOCOL = TimingProtocol(
    warm_up_runs=10,
    warm_up_s=0.01,
    warm_up_ceiling_s=0.04,
    steady=0.02,
    block_s=0.00012,
    min_blocks=25,
    min_duration_s=0.03,
    interval=0.015,
    ceiling_s=0.15,
    undisturbed=True,
)
"""For lone layers of 5 to 200 microseconds: about 0.06 s each, in blocks of at least 0.12 ms."""

NETWORK_PROTOCOL = TimingProtocol(
    warm_up_runs=10,
    warm_up_s=0.03,
    warm_up_ceiling_s=0.15,
    steady=0.02,
    block_s=0.0,
    min_blocks=30,
    min_duration_s=0.1,
    interval=0.01,
    ceiling_s=0.6,
    undisturbed=True,
)
"""For whole networks: about 0.15 s each, every run timed alone: percentiles are those of single runs."""

TAIL_PROTOCOL = replace(
    NETWORK_PROTOCOL, min_blocks=400, min_duration_s=0.5, ceiling_s=4.0, undisturbed=False
)
"""For the 95th percentile of whole networks: of 400 runs twenty are slower, of 75 three or four."""

ENERGY_PROTOCOL = replace(NETWORK_PROTOCOL, energy=True)
"""For the energy of whole networks: windows of a second and more under load, and idle before and after."""


@dataclass(frozen=True)
class Summary:
    """Statistics of one measurement, in milliseconds for one run.

    Attributes:
        median_ms: The headline.
        low_ms: Lower end of the median's 95 % interval.
        high_ms: Upper end of the median's 95 % interval.
        mean_ms: Mean of the blocks.
        std_ms: Standard deviation of the blocks.
        p10_ms: 10th percentile of the blocks.
        p90_ms: 90th percentile of the blocks.
        p99_ms: 99th percentile of the blocks.
        min_ms: Fastest block.
        num_blocks: Blocks timed.
        runs_per_block: Runs in each block; with 1 the percentiles are those of single runs.
        wide: Whether the ceiling was reached before the interval was narrow enough.
        p95_ms: 95th percentile of the blocks; None where it was measured before this was kept, and so for
        p95_low_ms: the lower end of its 95 % interval,
        p95_high_ms: the upper end,
        first_ms: the median of the first tenth of the blocks, and
        last_ms: that of the last tenth: a device that gets hot slows down.
        energy: What a meter saw while it ran, where that was asked for.
        disturbed: Whether somebody else slowed the core down for so long that it was no longer waited for, or
            slowed it down now and then during runs too long to choose from.
        waited_s: Seconds that were lost because somebody else slowed the core down.
    """

    median_ms: float
    low_ms: float
    high_ms: float
    mean_ms: float
    std_ms: float
    p10_ms: float
    p90_ms: float
    p99_ms: float
    min_ms: float
    num_blocks: int
    runs_per_block: int
    wide: bool
    p95_ms: float | None = None
    p95_low_ms: float | None = None
    p95_high_ms: float | None = None
    first_ms: float | None = None
    last_ms: float | None = None
    energy: MeasuredEnergy | None = None
    disturbed: bool = False
    waited_s: float = 0.0


def for_median(protocol: TimingProtocol) -> TimingProtocol:
    """Return a protocol with no more runs than its median needs: for anchors, of which only that counts.

    They tell how fast the device is with its core to itself, whatever subjects are to show.
    """
    return replace(
        protocol,
        undisturbed=True,
        min_blocks=min(protocol.min_blocks, _MEDIAN_BLOCKS),
        min_duration_s=min(protocol.min_duration_s, NETWORK_PROTOCOL.min_duration_s),
    )


def sustained(protocol: TimingProtocol, seconds: float) -> TimingProtocol:
    """Return a protocol that goes on for so many seconds."""
    ceiling_s = max(protocol.ceiling_s, seconds)
    return replace(protocol, min_duration_s=seconds, ceiling_s=ceiling_s, undisturbed=False)


def no_pause() -> None:
    """Rest not at all: runs follow each other."""


def measure(
    run_once: Callable[[], None],
    clock: Callable[[], int],
    protocol: TimingProtocol,
    pause: Callable[[], None] = no_pause,
    core: CoreWatch | None = None,
) -> Summary:
    """Measure one subject.

    Args:
        run_once: Runs the subject once.
        clock: Monotonic time in nanoseconds, for example `time.perf_counter_ns`.
        protocol: Floors and ceilings; pauses count as time, but not as time of a block.
        pause: Rests before each block; not timed.
        core: Tells when somebody else slows the core down, where the protocol asks for it.

    Raises:
        MeasurementError: `clock_jumped`.
    """
    runs_per_block, typical_ns = _warm_up(run_once, clock, protocol, pause)
    block_ns = typical_ns * runs_per_block
    watched = core if protocol.undisturbed else None
    blocks = QuietBlocks(run_once, clock, watched, protocol.min_duration_s, block_ns)
    next_check = protocol.min_blocks
    while True:
        took_ns, total_ns = _time_block(run_once, clock, pause, runs_per_block)
        check_clock(took_ns, block_ns)
        if not blocks.add(took_ns, total_ns):
            continue
        long = blocks.total_ns >= protocol.ceiling_s * NS_PER_S and len(blocks) >= protocol.fewest_blocks
        exhausted = long or blocks.impatient
        if not exhausted and (len(blocks) < next_check or not blocks.long_enough):
            continue
        next_check = math.ceil(len(blocks) * _CHECK_GROWTH)
        times_ms = np.array(blocks.times_ns) / (runs_per_block * NS_PER_MS)
        low, median, high = median_interval(times_ms)
        narrow = (high - low) / 2 <= protocol.interval * median
        if narrow or exhausted:
            summary = _summary(times_ms, runs_per_block, wide=not narrow)
            return replace(summary, disturbed=blocks.disturbed, waited_s=blocks.lost_ns / NS_PER_S)


def _time_block(
    run_once: Callable[[], None], clock: Callable[[], int], pause: Callable[[], None], num_runs: int
) -> tuple[int, int]:
    """Return how long a block takes, and how long with the pause before it, in nanoseconds."""
    resting = clock()
    pause()
    begin = clock()
    for _ in range(num_runs):
        run_once()
    end = clock()
    return end - begin, end - resting


def _warm_up(
    run_once: Callable[[], None],
    clock: Callable[[], int],
    protocol: TimingProtocol,
    pause: Callable[[], None],
) -> tuple[int, float]:
    """Run until the times are steady; return how many runs make a block, and how long one is, in ns."""
    recent: deque[int] = deque(maxlen=2 * _WARM_UP_WINDOW)
    start = clock()
    num_runs = 0
    while True:
        pause()
        begin = clock()
        run_once()
        end = clock()
        check_clock(end - begin, recent[-1] if recent else math.inf)
        recent.append(end - begin)
        num_runs += 1
        elapsed_s = (end - start) / NS_PER_S
        if num_runs < protocol.warm_up_runs or elapsed_s < protocol.warm_up_s:
            continue
        if _steady(recent, protocol.steady) or elapsed_s >= protocol.warm_up_ceiling_s:
            typical_ns = float(np.median(recent))
            return max(1, math.ceil(protocol.block_s * NS_PER_S / max(typical_ns, 1.0))), typical_ns


def _steady(recent: deque[int], tolerance: float) -> bool:
    if len(recent) < 2 * _WARM_UP_WINDOW:
        return False
    times = list(recent)
    before, now = np.median(times[:_WARM_UP_WINDOW]), np.median(times[_WARM_UP_WINDOW:])
    return bool(abs(now - before) <= tolerance * before)


def _summary(times_ms: FloatArray, runs_per_block: int, *, wide: bool) -> Summary:
    low, median, high = median_interval(times_ms)
    p95_low, p95, p95_high = quantile_interval(times_ms, 0.95)
    part = max(len(times_ms) // _PART, 1)
    p10, p90, p99 = (float(value) for value in np.percentile(times_ms, [10, 90, 99]))
    return Summary(
        median_ms=median,
        low_ms=low,
        high_ms=high,
        mean_ms=float(times_ms.mean()),
        std_ms=float(times_ms.std(ddof=1)) if len(times_ms) > 1 else 0.0,
        p10_ms=p10,
        p90_ms=p90,
        p99_ms=p99,
        min_ms=float(times_ms.min()),
        num_blocks=len(times_ms),
        runs_per_block=runs_per_block,
        wide=wide,
        p95_ms=p95,
        p95_low_ms=p95_low,
        p95_high_ms=p95_high,
        first_ms=float(np.median(times_ms[:part])),
        last_ms=float(np.median(times_ms[-part:])),
    )
