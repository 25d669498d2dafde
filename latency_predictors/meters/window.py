"""What a meter sees while something runs over and over: a window between two of its updates."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from latency_predictors.clock import NS_PER_S, check_clock
from latency_predictors.meters.meter import Meter, Reading
from search_spaces.errors import MeasurementError

_MOST_WRAPPED: Final = 0.1
"""Share of its range that a counter can count between two looks: one that goes back by less begins anew."""


@dataclass(frozen=True)
class WindowRules:
    """What a window has to hold.

    Attributes:
        min_s: Seconds, at least.
        min_updates: Updates of the meter, at least.
        ceiling_s: The window is given up where these do not come in so many seconds, or twice the time they
            should take: the meter is looked at between runs, so a run that is longer counts as an update.
        stopped_updates: A meter that shows nothing new in the time of so many updates has stopped.
        stopped_s: But no sooner than after so many seconds.
        windows: Under load; their spread becomes the interval.
        settle_s: Seconds until a meter that tells watts shows what runs now: many average over a second.
        alive_s: After so many seconds of a window whoever waits is told that it goes on.
    """

    min_s: float = 1.0
    min_updates: int = 20
    ceiling_s: float = 30.0
    stopped_updates: int = 20
    stopped_s: float = 0.5
    windows: int = 3
    settle_s: float = 1.0
    alive_s: float = 5.0


@dataclass(frozen=True)
class Window:
    """What a meter saw between two of its updates.

    Attributes:
        mean_w: Mean power.
        run_s: Seconds of one run, over all runs of the window; of a pause where nothing ran.
        num_updates: Of the meter.
        num_wraps: How often its counter began again.
        moved: Whether it ever showed another value.
    """

    mean_w: float
    run_s: float
    num_updates: int
    num_wraps: int
    moved: bool = True


def unheard() -> None:
    """Tell nobody that a window goes on."""


def settle(run_once: Callable[[], None], meter: Meter, clock: Callable[[], int], rules: WindowRules) -> None:
    """Run something until a meter no longer shows what ran before; a counter needs no such time."""
    began = clock()
    while meter.quantity == "power_w" and clock() - began < rules.settle_s * NS_PER_S:
        run_once()


def watch(
    run_once: Callable[[], None],
    meter: Meter,
    clock: Callable[[], int],
    rules: WindowRules,
    alive: Callable[[], object] = unheard,
) -> Window:
    """Run something over and over until a window is full.

    Args:
        run_once: Runs it once.
        meter: That watches it.
        clock: Monotonic time in nanoseconds.
        rules: What the window has to hold.
        alive: Called now and then in a window that takes long.

    Raises:
        MeasurementError: `meter_stopped`, `meter_too_slow` or `clock_jumped`.
    """
    poll_ns = poll_s(meter, rules) * NS_PER_S
    began = polled_at = told_at = clock()
    steps = _Steps(meter, rules, began)
    num_runs = run_ns = 0
    while not steps.enough(rules):
        # Looking at the meter is no part of a run: a program that is asked takes milliseconds.
        begin = clock()
        run_once()
        now = clock()
        check_clock(now - begin, run_ns / num_runs if num_runs else math.inf)
        run_ns += now - begin
        num_runs += 1
        if now - polled_at >= poll_ns:
            polled_at = now
            steps.look(now)
            steps.check_pace(now - began, run_ns / NS_PER_S / num_runs, rules)
            if now - told_at >= rules.alive_s * NS_PER_S:
                told_at = now
                alive()
    return Window(steps.mean_w, run_ns / NS_PER_S / num_runs, steps.num, steps.num_wraps, steps.moved)


def poll_s(meter: Meter, rules: WindowRules) -> float:
    """Return how many seconds lie between two looks at a meter."""
    # Often enough to see the updates that are needed, not so often that looking is what is measured.
    return max(meter.update_s / 2, rules.min_s / (10 * rules.min_updates))


class _Steps:
    """The updates of a meter since the first of them."""

    def __init__(self, meter: Meter, rules: WindowRules, now: int) -> None:
        self._meter = meter
        self._stopped_ns = max(rules.stopped_updates * meter.update_s, rules.stopped_s) * NS_PER_S
        self._last = self._read()
        self._last_ns = now
        self._first_ns: int | None = None
        self._joules = 0.0
        self.num = 0
        self.num_wraps = 0
        self.moved = False

    @property
    def mean_w(self) -> float:
        """Mean power between the first and the last update."""
        return self._joules / self._seconds

    @property
    def _seconds(self) -> float:
        return 0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / NS_PER_S

    def enough(self, rules: WindowRules) -> bool:
        """Whether the window is full."""
        return self.num >= rules.min_updates and self._seconds >= rules.min_s

    def check_pace(self, took_ns: int, run_s: float, rules: WindowRules) -> None:
        """Refuse a meter whose updates do not come.

        Args:
            took_ns: The window so far.
            run_s: Mean of its runs.
            rules: What it has to hold.
        """
        longest_s = max(rules.ceiling_s, 2 * rules.min_updates * max(self._meter.update_s, run_s))
        if took_ns > longest_s * NS_PER_S:
            raise MeasurementError(
                "meter_too_slow",
                f"{self._meter.name} showed {self.num} updates in {longest_s:g} s, {rules.min_updates} are "
                "needed: use a meter that updates more often",
            )

    def look(self, now: int) -> None:
        """Take in what the meter shows now."""
        reading = self._read()
        if reading != self._last:
            self.moved = True
        elif not self._is_steady(now):
            if now - self._last_ns > self._stopped_ns:
                raise self._stopped(
                    f"has shown {reading.value:g} for {(now - self._last_ns) / NS_PER_S:.1f} s"
                )
            return
        if self._first_ns is None:
            self._first_ns = now
        else:
            self._joules += self._step_j(reading, (now - self._last_ns) / NS_PER_S)
            self.num += 1
        self._last, self._last_ns = reading, now

    def _is_steady(self, now: int) -> bool:
        """Whether the same value again is an update: of a power that stays, where the meter has no stamps."""
        told = self._meter.quantity == "power_w" and self._last.value > 0 and not self._last.stamp
        return told and now - self._last_ns >= self._meter.update_s * NS_PER_S

    def _step_j(self, reading: Reading, seconds: float) -> float:
        if self._meter.quantity == "power_w":
            return (reading.value + self._last.value) / 2 * seconds
        step = reading.value - self._last.value
        if step >= 0:
            return step
        wrapped = step + (self._meter.wraps_at_j or 0.0)
        if not 0 <= wrapped <= _MOST_WRAPPED * (self._meter.wraps_at_j or 0.0):
            raise self._stopped(f"went back from {self._last.value:g} to {reading.value:g} J")
        self.num_wraps += 1
        return wrapped

    def _read(self) -> Reading:
        try:
            return self._meter.read()
        except (OSError, ValueError) as error:
            raise self._stopped(f"cannot be read any more: {error}") from error

    def _stopped(self, how: str) -> MeasurementError:
        return MeasurementError(
            "meter_stopped",
            f"{self._meter.name} {how}; what it saw in this window does not count: look after the meter, "
            "then measure again",
        )
