import math
from collections.abc import Iterator
from itertools import chain, repeat

import numpy as np
import pytest

from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.measure import (
    LAYER_PROTOCOL,
    NETWORK_PROTOCOL,
    TAIL_PROTOCOL,
    TimingProtocol,
    for_median,
    measure,
    sustained,
)
from search_spaces.errors import MeasurementError

PROTOCOL = TimingProtocol(
    warm_up_runs=3,
    warm_up_s=0.05,
    warm_up_ceiling_s=0.5,
    steady=0.02,
    block_s=0.0,
    min_blocks=15,
    min_duration_s=0.1,
    interval=0.01,
    ceiling_s=1.0,
)


class ScriptedClock:
    """A clock that every run of the subject moves on by the next scripted duration."""

    def __init__(self, durations_ms: Iterator[float]) -> None:
        self.now_ns = 0
        self.num_runs = 0
        self._durations_ms = durations_ms

    def __call__(self) -> int:
        return self.now_ns

    def run(self) -> None:
        self.num_runs += 1
        self.now_ns += round(next(self._durations_ms) * 1e6)


def test_constant_times_stop_at_the_floors() -> None:
    clock = ScriptedClock(repeat(2.0))
    summary = measure(clock.run, clock, PROTOCOL)
    assert summary.median_ms == summary.mean_ms == summary.p99_ms == 2.0
    assert summary.std_ms == 0.0
    assert summary.num_blocks == 50  # 0.1 s of 2 ms
    assert not summary.wide
    assert clock.num_runs == 25 + 50  # 0.05 s of warm-up before


def test_few_slow_runs_still_make_the_minimum_of_blocks() -> None:
    clock = ScriptedClock(repeat(50.0))
    assert measure(clock.run, clock, PROTOCOL).num_blocks == 15


def test_warm_up_lasts_until_two_medians_of_five_agree() -> None:
    falling = [100.0 * 0.9**i for i in range(10)]
    clock = ScriptedClock(chain(falling, repeat(20.0)))
    summary = measure(clock.run, clock, PROTOCOL)
    assert summary.median_ms == 20.0


def test_a_subject_that_never_settles_is_measured_after_the_ceiling() -> None:
    clock = ScriptedClock(1.0 + 0.5 * (i % 10 < 5) for i in range(10**6))
    summary = measure(clock.run, clock, PROTOCOL)
    assert summary.wide
    assert summary.high_ms - summary.low_ms == pytest.approx(0.5)


def test_at_the_ceiling_too_there_are_five_blocks() -> None:
    clock = ScriptedClock(repeat(900.0))
    summary = measure(clock.run, clock, PROTOCOL)
    assert (summary.num_blocks, summary.median_ms) == (5, 900.0)


@pytest.mark.parametrize("pause_ms", [0.0, 20.0])
def test_a_tail_has_an_upper_end_however_slow_the_network(pause_ms: float) -> None:
    timing = LatencyMetric("p95", pause_ms).timing
    clock = ScriptedClock(repeat(900.0))
    summary = measure(clock.run, clock, timing)
    # Of fewer runs not even the slowest is above the percentile with 97.5 %.
    assert summary.num_blocks >= math.log(0.025) / math.log(0.95)
    assert measure(clock.run, clock, LatencyMetric().timing).num_blocks == 5


@pytest.mark.parametrize("at_run", [20, 40])
@pytest.mark.parametrize("jump_ms", [-50.0, 1_500.0])
def test_a_clock_that_jumps_is_noticed(at_run: int, jump_ms: float) -> None:
    """While warming up, which takes 25 runs, and while measuring."""
    durations = chain(repeat(2.0, at_run), [jump_ms], repeat(2.0))
    clock = ScriptedClock(durations)
    with pytest.raises(MeasurementError, match=f"seemed to take {jump_ms:.6g} ms") as caught:
        measure(clock.run, clock, PROTOCOL)
    assert caught.value.code == "clock_jumped"


def test_a_long_pause_is_an_outlier_and_no_jump() -> None:
    clock = ScriptedClock(chain(repeat(2.0, 40), [190.0], repeat(2.0)))
    assert measure(clock.run, clock, PROTOCOL).median_ms == 2.0


def test_slow_files_may_vary_by_seconds() -> None:
    clock = ScriptedClock(chain(repeat(1_000.0, 3), repeat(4_000.0)))
    assert measure(clock.run, clock, PROTOCOL).median_ms == 4_000.0


def test_fast_runs_are_timed_several_at_once() -> None:
    protocol = TimingProtocol(**{**PROTOCOL.__dict__, "block_s": 0.001})
    clock = ScriptedClock(repeat(0.03))
    summary = measure(clock.run, clock, protocol)
    assert summary.runs_per_block == 34  # the first multiple of 30 µs that is at least 1 ms
    assert summary.median_ms == pytest.approx(0.03)


def test_noise_takes_more_blocks_than_silence() -> None:
    rng = np.random.default_rng(0)
    noisy = ScriptedClock(2.0 * (1 + abs(rng.normal(0, 0.1))) for _ in repeat(None))
    quiet = ScriptedClock(repeat(2.0))
    assert measure(noisy.run, noisy, PROTOCOL).num_blocks > measure(quiet.run, quiet, PROTOCOL).num_blocks


def test_outliers_move_the_mean_and_the_tail_but_not_the_median() -> None:
    clock = ScriptedClock(30.0 if i % 10 == 9 else 2.0 for i in range(10**6))
    summary = measure(clock.run, clock, PROTOCOL)
    assert summary.median_ms == summary.min_ms == 2.0
    assert summary.mean_ms > 4.0
    assert summary.p99_ms == 30.0


def test_pauses_take_time_and_are_not_timed() -> None:
    """The floor of time counts them: ten runs of 2 ms with pauses of 8 ms last a tenth of a second."""
    clock = ScriptedClock(repeat(2.0))

    def pause() -> None:
        clock.now_ns += 8_000_000

    protocol = TimingProtocol(**{**PROTOCOL.__dict__, "min_blocks": 5, "warm_up_s": 0.0})
    summary = measure(clock.run, clock, protocol, pause)
    assert summary.median_ms == summary.mean_ms == 2.0
    assert summary.num_blocks == 10
    assert clock.num_runs == 10 + 10  # two windows of five to see that it is steady


def test_a_pause_stands_before_every_run_of_the_warm_up_too() -> None:
    clock = ScriptedClock(repeat(2.0))
    rested: list[int] = []
    measure(clock.run, clock, PROTOCOL, lambda: rested.append(clock.num_runs))
    assert rested == list(range(clock.num_runs))


def test_the_tail_is_kept_with_its_interval() -> None:
    """Of runs of 1, 2, ..., 100 ms in turn 95 % take less than about 95 ms."""
    clock = ScriptedClock(1.0 + i % 100 for i in range(10**6))
    protocol = TimingProtocol(**{**PROTOCOL.__dict__, "min_blocks": 400, "ceiling_s": 60.0, "interval": 1.0})
    summary = measure(clock.run, clock, protocol)
    assert summary.p95_ms == pytest.approx(95.0, abs=1.5)
    assert summary.p95_ms is not None
    assert summary.p95_low_ms is not None
    assert summary.p95_high_ms is not None
    assert 90.0 < summary.p95_low_ms < summary.p95_ms < summary.p95_high_ms < 99.0


def test_a_device_that_slows_down_is_seen_in_a_sustained_run() -> None:
    """One run of 10 ms gets slower by 1 % a second, for ten seconds."""
    clock = ScriptedClock(10.0 * 1.01 ** (n / 100) for n in range(10**6))
    summary = measure(clock.run, clock, sustained(NETWORK_PROTOCOL, 10.0))
    assert summary.first_ms is not None
    assert summary.last_ms is not None
    assert summary.first_ms < summary.median_ms < summary.last_ms
    assert summary.last_ms / summary.first_ms == pytest.approx(1.01**9, abs=0.01)


def test_anchors_take_no_longer_than_a_median_needs() -> None:
    assert for_median(LAYER_PROTOCOL) == LAYER_PROTOCOL
    assert for_median(NETWORK_PROTOCOL) == NETWORK_PROTOCOL
    for long in (TAIL_PROTOCOL, sustained(NETWORK_PROTOCOL, 10.0)):
        clock = ScriptedClock(repeat(1.0))
        measure(clock.run, clock, for_median(long))
        assert clock.now_ns < 0.5e9
