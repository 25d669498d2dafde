"""A core whose other thread somebody else uses: what was timed meanwhile does not count."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from latency_predictors.core_watch import CoreWatch, WatchRules
from latency_predictors.measure import LAYER_PROTOCOL, NETWORK_PROTOCOL, TAIL_PROTOCOL, measure
from search_spaces.errors import MeasurementError

GLANCE_S = 10e-6


class Core:
    """Its speed is a function of time; a clock that work moves on."""

    def __init__(self, slowness: Callable[[float], float]) -> None:
        self.now_s = 0.0
        self.num_looks = 0
        self._slowness = slowness

    def clock(self) -> int:
        return round(self.now_s * 1e9)

    def work(self) -> None:
        self.num_looks += 1
        self.now_s += GLANCE_S * self._slowness(self.now_s)

    def run(self, seconds: float) -> Callable[[], None]:
        def run_once() -> None:
            self.now_s += seconds * self._slowness(self.now_s)

        return run_once

    def watch(self, rules: WatchRules | None = None) -> CoreWatch:
        return CoreWatch(self.clock, self.work, rules)


def over_time(core: Core, slowness: Callable[[float], float], seconds: float) -> Callable[[], None]:
    """A run so long that the core changes during it."""

    def run_once() -> None:
        left = seconds
        while left > 0:
            step = min(left, 0.5e-3)
            left -= step
            core.now_s += step * slowness(core.now_s)

    return run_once


def taking_turns(seed: int, works_s: float, rests_s: float) -> Callable[[float], float]:
    """A neighbour that comes and goes at random for a minute, and slows the core by 1.5 to 2."""
    rng = np.random.default_rng(seed)
    lengths = rng.exponential(np.tile([rests_s, works_s], round(120 / (works_s + rests_s))))
    changes, factors = np.cumsum(lengths), rng.uniform(1.5, 2.0, len(lengths))

    def slowness(at_s: float) -> float:
        period = int(np.searchsorted(changes, at_s, side="right"))
        return float(factors[period]) if period % 2 else 1.0

    return slowness


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("works_s", "rests_s"), [(0.6, 0.3), (0.02, 0.01), (0.1, 1.0), (6e-4, 2e-4)])
def test_what_is_slowed_down_does_not_count(seed: int, works_s: float, rests_s: float) -> None:
    for protocol, takes_s in ((LAYER_PROTOCOL, 30e-6), (NETWORK_PROTOCOL, 150e-6)):
        core = Core(taking_turns(seed, works_s, rests_s))
        watch = core.watch()
        for _ in range(5):
            found = measure(core.run(takes_s), core.clock, protocol, core=watch)
            assert found.median_ms == pytest.approx(1e3 * takes_s, rel=0.01)
            assert not found.disturbed
            assert found.num_blocks >= protocol.min_blocks


def test_without_a_watch_it_counts() -> None:
    core = Core(taking_turns(0, 0.6, 0.3))
    medians = [measure(core.run(1e-4), core.clock, NETWORK_PROTOCOL).median_ms for _ in range(20)]
    assert max(medians) > 1.4 * min(medians)


def test_on_a_quiet_core_looks_cost_little_and_change_nothing() -> None:
    core, other = Core(lambda _: 1.0), Core(lambda _: 1.0)
    alone = measure(other.run(30e-6), other.clock, LAYER_PROTOCOL)
    watch = core.watch()
    before, begin = core.num_looks, core.now_s
    watched = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert replace(watched, num_blocks=0) == replace(alone, num_blocks=0)
    assert abs(watched.num_blocks - alone.num_blocks) <= 1
    assert (core.num_looks - before) * GLANCE_S < 0.1 * (core.now_s - begin)


def test_a_core_that_stays_slow_is_waited_for_once_and_what_is_measured_says_so() -> None:
    core = Core(lambda at_s: 1.0 if at_s < 1.0 or at_s > 30.0 else 1.8)
    watch = core.watch()
    quick = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    core.now_s = begin = 1.0
    slow = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    patience_s = WatchRules().file_s
    assert patience_s < core.now_s - begin < patience_s + 1.0
    assert slow.disturbed
    assert slow.median_ms == pytest.approx(1.8 * quick.median_ms, rel=0.01)

    begin = core.now_s
    again = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert core.now_s - begin < 0.5
    assert again.median_ms == slow.median_ms
    assert not again.disturbed, "it is how fast the core is now"

    core.now_s = 31.0
    measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert watch.level_ns == pytest.approx(1e9 * GLANCE_S, rel=0.01)


def test_what_was_timed_before_the_core_was_known_to_be_faster_counts_no_more() -> None:
    core = Core(lambda at_s: 1.6 if at_s < 0.15 else 1.0)
    watch = core.watch()  # learns while the core is slow
    protocol = replace(LAYER_PROTOCOL, min_duration_s=0.12)
    assert measure(core.run(30e-6), core.clock, protocol, core=watch).p99_ms == pytest.approx(0.03, rel=0.01)


def test_a_session_loses_so_much_time_and_no_more() -> None:
    # For every moment that the core is fast there are twenty in which it is not.
    core = Core(lambda at_s: 1.0 if at_s < 0.5 or at_s % 0.1 < 0.005 else 1.7)
    watch = core.watch(WatchRules(file_s=1.0, process_s=2.0))
    while not watch.hopeless:
        measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    begin = core.now_s
    found = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert core.now_s - begin < 0.5
    assert (found.disturbed, found.waited_s) == (True, 0.0)

    core.now_s = 0.0
    found = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert not found.disturbed, "nobody slowed it down"


def test_who_had_to_wait_needs_less() -> None:
    core = Core(lambda at_s: 1.0 if at_s < 0.5 or at_s % 0.1 < 0.02 else 1.7)
    watch = core.watch()
    core.now_s = 0.5
    found = measure(core.run(30e-6), core.clock, LAYER_PROTOCOL, core=watch)
    assert found.num_blocks >= LAYER_PROTOCOL.min_blocks
    assert found.num_blocks * found.runs_per_block * 30e-6 < 0.5 * LAYER_PROTOCOL.min_duration_s
    assert found.median_ms == pytest.approx(0.03, rel=0.01)


@pytest.mark.parametrize("takes_s", [0.02, 0.1])
def test_long_runs_that_are_slowed_down_now_and_then_are_disturbed(takes_s: float) -> None:
    for slowness, disturbed in ((taking_turns(0, 0.005, 0.005), True), (lambda _: 1.0, False)):
        core = Core(slowness)
        run = over_time(core, slowness, takes_s)
        found = measure(run, core.clock, NETWORK_PROTOCOL, core=core.watch())
        assert found.disturbed == disturbed
        assert found.waited_s == 0.0
        assert core.now_s < 3.0


def test_a_first_look_after_a_block_may_be_slow() -> None:
    core = Core(lambda _: 1.0)
    run, ran = core.run(30e-6), [False]

    def run_once() -> None:
        run()
        ran[0] = True

    def work() -> None:
        core.now_s += GLANCE_S * (1.4 if ran[0] else 1.0)
        ran[0] = False

    watch = CoreWatch(core.clock, work)
    found = measure(run_once, core.clock, LAYER_PROTOCOL, core=watch)
    assert (found.disturbed, found.waited_s) == (False, 0.0)


def test_a_block_after_waiting_finds_warm_caches() -> None:
    core = Core(lambda at_s: 1.0 if at_s % 0.02 < 0.005 else 1.7)
    watch, rested = core.watch(), [0.0]
    run = core.run(150e-6)

    def run_once() -> None:
        # Who has not run for three milliseconds takes twice as long.
        if core.now_s - rested[0] > 3e-3:
            core.now_s += 150e-6
        run()
        rested[0] = core.now_s

    found = measure(run_once, core.clock, NETWORK_PROTOCOL, core=watch)
    assert found.waited_s > 0
    assert found.p99_ms == pytest.approx(0.15, rel=0.01)


def test_a_clock_that_jumps_in_a_look_is_noticed() -> None:
    core = Core(lambda _: 1.0)
    watch = core.watch()
    core.num_looks = 0

    def jumps() -> int:
        return core.clock() + (100_000_000_000 if core.num_looks else 0)

    watch._clock = jumps
    with pytest.raises(MeasurementError) as caught:
        watch.look()
    assert caught.value.code == "clock_jumped"


def test_tails_are_made_of_what_disturbs() -> None:
    core = Core(taking_turns(1, 0.05, 0.05))
    found = measure(core.run(1e-3), core.clock, TAIL_PROTOCOL, core=core.watch())
    assert found.p95_ms is not None
    assert found.p95_ms > 1.4
