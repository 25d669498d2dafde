"""What a meter sees while something runs over and over: a window between two of its updates."""

from collections.abc import Callable
from dataclasses import dataclass

from latency_predictors.measure import NS_PER_S
from latency_predictors.meters.meter import Meter, Reading
from search_spaces.errors import MeasurementError


@dataclass(frozen=True)
class WindowRules:
    """What a window has to hold.

    Attributes:
        min_s: Seconds, at least.
        min_updates: Updates of the meter, at least.
        ceiling_s: The window is given up where these do not come in so many seconds, or twice the time they
            should take.
        stopped_updates: A meter that shows nothing new in the time of so many updates has stopped.
        stopped_s: But no sooner than after so many seconds.
        windows: Under load; their spread becomes the interval.
    """

    min_s: float = 1.0
    min_updates: int = 20
    ceiling_s: float = 30.0
    stopped_updates: int = 20
    stopped_s: float = 0.5
    windows: int = 3


@dataclass(frozen=True)
class Window:
    """What a meter saw between two of its updates.

    Attributes:
        mean_w: Mean power.
        run_s: Seconds of one run, over all runs of the window; of a pause where nothing ran.
        num_updates: Of the meter.
        num_wraps: How often its counter began again.
    """

    mean_w: float
    run_s: float
    num_updates: int
    num_wraps: int


def watch(run_once: Callable[[], None], meter: Meter, clock: Callable[[], int], rules: WindowRules) -> Window:
    """Run something over and over until a window is full.

    Raises:
        MeasurementError: `meter_stopped` or `meter_too_slow`.
    """
    poll_ns = poll_s(meter, rules) * NS_PER_S
    longest_s = max(rules.ceiling_s, 2 * rules.min_updates * meter.update_s)
    began = polled_at = clock()
    steps = _Steps(meter, rules, began)
    num_runs = 0
    while not steps.enough(rules):
        run_once()
        num_runs += 1
        now = clock()
        if now - polled_at >= poll_ns:
            polled_at = now
            steps.look(now)
        if now - began > longest_s * NS_PER_S:
            raise MeasurementError(
                "meter_too_slow",
                f"{meter.name} showed {steps.num} updates in {longest_s:g} s, {rules.min_updates} are "
                "needed: use a meter that updates more often",
            )
    return Window(steps.mean_w, (clock() - began) / NS_PER_S / num_runs, steps.num, steps.num_wraps)


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

    def look(self, now: int) -> None:
        """Take in what the meter shows now."""
        reading = self._read()
        if reading == self._last:
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

    def _step_j(self, reading: Reading, seconds: float) -> float:
        if self._meter.quantity == "power_w":
            return (reading.value + self._last.value) / 2 * seconds
        step = reading.value - self._last.value
        if step >= 0:
            return step
        if self._meter.wraps_at_j is None:
            raise self._stopped(f"went back from {self._last.value:g} to {reading.value:g} J")
        self.num_wraps += 1
        return step + self._meter.wraps_at_j

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
