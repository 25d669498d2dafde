"""Windows over scripted meters: what is worked out by hand is found again."""

import itertools
import math
from collections.abc import Callable

import pytest

from latency_predictors.meters.meter import Meter, Quantity, Reading
from latency_predictors.meters.window import Window, WindowRules, poll_s, settle, watch
from search_spaces.errors import MeasurementError
from tests.latency_predictors.meters.boards import FakeClock

RULES = WindowRules()


def meter(
    clock: FakeClock,
    watts: Callable[[float], float],
    *,
    quantity: Quantity = "energy_j",
    update_s: float = 0.02,
    start_j: float = 0.0,
    wraps_at_j: float | None = None,
    until_s: float = math.inf,
) -> Meter:
    """A meter that updates now and then and stops at a time; a constant power where it counts."""

    def read() -> Reading:
        shown_s = math.floor(min(clock.seconds, until_s) / update_s + 1e-9) * update_s
        if quantity == "power_w":
            return Reading(watts(shown_s), shown_s)
        joules = start_j + watts(0.0) * shown_s
        return Reading(joules % wraps_at_j if wraps_at_j else joules)

    return Meter("scripted", "package", quantity, 1e-6, update_s, wraps_at_j, read)


def seen(clock: FakeClock, one: Meter, run_s: float = 0.003, rules: WindowRules = RULES) -> Window:
    """What a window holds while something of so many seconds runs."""
    return watch(lambda: clock.wait(run_s), one, clock, rules)


def test_a_counter_gives_its_mean_power() -> None:
    clock = FakeClock()
    window = seen(clock, meter(clock, lambda t: 7.0, start_j=12.0))
    # Steps are seen up to a look late: 0.01 s of a second at either end.
    assert window.mean_w == pytest.approx(7.0, rel=0.03)
    assert window.run_s == pytest.approx(0.003)
    assert window.num_updates >= 20
    assert window.num_wraps == 0
    assert clock.seconds >= 1.0


def test_a_window_is_long_enough_for_twenty_updates() -> None:
    clock = FakeClock()
    window = seen(clock, meter(clock, lambda t: 7.0, update_s=0.5))
    assert window.num_updates == 20
    assert clock.seconds >= 10.0


def test_a_counter_that_wraps_goes_on() -> None:
    clock = FakeClock()
    window = seen(clock, meter(clock, lambda t: 7.0, start_j=2.0, wraps_at_j=5.0))
    assert window.num_wraps == 1
    assert window.mean_w == pytest.approx(7.0, rel=0.03)


def test_a_counter_that_goes_back_without_a_range_is_void() -> None:
    clock = FakeClock()
    bad = meter(clock, lambda t: 7.0, start_j=2.0, wraps_at_j=5.0)
    broken = Meter(bad.name, bad.scope, bad.quantity, bad.resolution, bad.update_s, None, bad.read)
    with pytest.raises(MeasurementError, match="went back") as caught:
        seen(clock, broken)
    assert caught.value.code == "meter_stopped"


def test_power_is_averaged_over_time() -> None:
    clock = FakeClock()
    window = seen(clock, meter(clock, lambda t: 5.0 + math.sin(2 * math.pi * 5 * t), quantity="power_w"))
    assert window.mean_w == pytest.approx(5.0, rel=0.03)


def test_a_meter_that_stops_in_the_window_makes_it_void() -> None:
    clock = FakeClock()
    with pytest.raises(MeasurementError, match="does not count") as caught:
        seen(clock, meter(clock, lambda t: 7.0, until_s=0.6))
    assert caught.value.code == "meter_stopped"
    assert clock.seconds == pytest.approx(0.6 + RULES.stopped_s, abs=0.06)


def test_a_meter_that_cannot_be_read_any_more_makes_it_void() -> None:
    clock = FakeClock()
    good = meter(clock, lambda t: 7.0)

    def read() -> Reading:
        if clock.seconds > 0.3:
            raise OSError("No such device")
        return good.read()

    gone = Meter(good.name, good.scope, good.quantity, good.resolution, good.update_s, None, read)
    with pytest.raises(MeasurementError, match="No such device") as caught:
        seen(clock, gone)
    assert caught.value.code == "meter_stopped"


def test_a_meter_that_is_too_slow_is_given_up() -> None:
    clock = FakeClock()
    rules = WindowRules(stopped_updates=1000)
    slow = meter(clock, lambda t: 7.0, update_s=4.0)
    hasty = Meter(slow.name, slow.scope, slow.quantity, slow.resolution, 0.02, None, slow.read)
    with pytest.raises(MeasurementError, match="20 are needed") as caught:
        seen(clock, hasty, rules=rules)
    assert caught.value.code == "meter_too_slow"
    assert clock.seconds == pytest.approx(30.0, abs=0.1)


@pytest.mark.parametrize("run_s", [1.5, 4.0, 20.0])
def test_a_slow_network_is_given_the_time_of_its_runs(run_s: float) -> None:
    clock = FakeClock()
    window = seen(clock, meter(clock, lambda t: 7.0, update_s=0.001), run_s)
    assert window.num_updates == 20
    assert window.run_s == pytest.approx(run_s)
    assert window.mean_w == pytest.approx(7.0, rel=1e-3)
    assert clock.seconds == pytest.approx(21 * run_s)


@pytest.mark.parametrize("quantity", ["energy_j", "power_w"])
@pytest.mark.parametrize("update_s", [4.0, 5.0, 10.0, 15.0])
def test_a_window_of_a_slow_meter_tells_that_it_goes_on(update_s: float, quantity: Quantity) -> None:
    clock, told = FakeClock(), [0.0]
    one = meter(clock, lambda t: 5.0 + t % 3, quantity=quantity, update_s=update_s)
    watch(lambda: clock.wait(0.05), one, clock, RULES, lambda: told.append(clock.seconds))
    assert clock.seconds == pytest.approx(21 * update_s, abs=update_s)
    silences = [later - before for before, later in itertools.pairwise([*told, clock.seconds])]
    assert max(silences) < RULES.alive_s + update_s / 2


def test_a_window_of_a_fast_meter_says_nothing() -> None:
    clock, told = FakeClock(), list[float]()
    watch(
        lambda: clock.wait(0.003),
        meter(clock, lambda t: 7.0),
        clock,
        RULES,
        lambda: told.append(clock.seconds),
    )
    assert told == []


def test_a_fast_meter_is_not_looked_at_all_the_time() -> None:
    clock = FakeClock()
    assert poll_s(meter(clock, lambda t: 7.0, update_s=0.001), RULES) == pytest.approx(0.005)
    assert poll_s(meter(clock, lambda t: 7.0, update_s=0.1), RULES) == pytest.approx(0.05)


def test_a_counter_that_begins_anew_far_from_its_end_is_void() -> None:
    """As after a driver was loaded again: taken for a wrap it would be nearly the whole range."""
    clock = FakeClock()

    def read() -> Reading:
        return Reading(7.0 * clock.seconds + (100.0 if clock.seconds < 0.5 else 0.0))

    with pytest.raises(MeasurementError, match="went back from 103") as caught:
        seen(clock, Meter("reset", "package", "energy_j", 1e-6, 0.02, 262_143.0, read))
    assert caught.value.code == "meter_stopped"


def test_looking_at_the_meter_is_no_part_of_a_run() -> None:
    """A program that is asked for the power takes its time."""
    clock = FakeClock()
    good = meter(clock, lambda t: 5.0 + t % 0.1, quantity="power_w")

    def read() -> Reading:
        clock.wait(0.008)
        return good.read()

    asked = Meter(good.name, good.scope, good.quantity, good.resolution, good.update_s, None, read)
    assert seen(clock, asked).run_s == pytest.approx(0.003)


def test_a_power_that_stays_is_a_power() -> None:
    clock = FakeClock()
    steady = Meter("rail", "rail", "power_w", 1e-3, 0.02, None, lambda: Reading(3.0))
    window = seen(clock, steady)
    assert window.mean_w == pytest.approx(3.0)
    assert not window.moved
    assert window.num_updates >= 20
    # One that says when it looked, and does not look any more, has stopped.
    with pytest.raises(MeasurementError) as caught:
        seen(clock, Meter("log", "wall", "power_w", 1e-3, 0.02, None, lambda: Reading(3.0, 12.5)))
    assert caught.value.code == "meter_stopped"


def test_a_machine_that_stood_still_is_told_by_its_clock() -> None:
    clock = FakeClock()
    one, stands = meter(clock, lambda t: 7.0), [600.0]

    def run_once() -> None:
        clock.wait(stands.pop() if clock.seconds > 0.5 and stands else 0.003)

    with pytest.raises(MeasurementError) as caught:
        watch(run_once, one, clock, RULES)
    assert caught.value.code == "clock_jumped"


def test_a_power_meter_is_given_time_to_forget_what_ran_before() -> None:
    clock = FakeClock()
    took: dict[Quantity, float] = {"power_w": 1.0, "energy_j": 0.0}
    for quantity, seconds in took.items():
        began = clock.seconds
        settle(lambda: clock.wait(0.003), meter(clock, lambda t: 7.0, quantity=quantity), clock, RULES)
        assert clock.seconds - began == pytest.approx(seconds, abs=0.003)
