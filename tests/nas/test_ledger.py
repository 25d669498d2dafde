"""What phases cost: real processor time of small work, scripted counters."""

import threading
import time
from collections.abc import Iterator
from threading import Semaphore, Thread

import pytest

from latency_predictors.meters.meter import Meter, Reading
from nas.data.spec import DigitsSpec
from nas.ledger import LOOK_EVERY_S, Book, CountedCompute, Tally, host_counters
from nas.ports import Compute, Run
from nas.results import PhaseCost
from nas.specs import SpaceSpec
from nas.task_events import Event, SupernetTimed, metered
from nas.tasks import Inputs, ScoreFile, Task
from tests.latency_predictors.meters.boards import FakeClock

WATTS = 10.0
TASK = ScoreFile(Inputs(DigitsSpec(), "d", SpaceSpec()), "f", "test")


def busy(seconds: float) -> None:
    """Use a processor for so long."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


class Elsewhere:
    """Runs tasks in other processes, as far as this one can tell; they say what they took."""

    at_once = 1
    closed = False

    def run(self, task: Task) -> "Elsewhere":
        self._left = [SupernetTimed(1.0, 1.0, cpu_s=40.0), SupernetTimed(1.0, 1.0, cpu_s=2.0)]
        return self

    def __iter__(self) -> "Elsewhere":
        return self

    def __next__(self) -> Event:
        if not self._left:
            raise StopIteration
        return self._left.pop(0)

    def close(self) -> None:
        self.closed = True


class Here:
    """Runs a task in this thread."""

    at_once = 1

    def run(self, task: Task) -> Run:
        return metered(self._work())

    def _work(self) -> Iterator[Event]:
        busy(0.2)
        yield SupernetTimed(1.0, 1.0)


def counter(clock: FakeClock, watts: float, wraps_at_j: float | None = None, start_j: float = 0.0) -> Meter:
    """A counter of a package that takes so much all the time."""

    def read() -> Reading:
        joules = start_j + watts * clock.seconds
        return Reading(joules % wraps_at_j if wraps_at_j else joules)

    return Meter("rapl/package-0", "package", "energy_j", 1e-6, 0.001, wraps_at_j, read)


def book(
    before: PhaseCost | None = None, saved: list[PhaseCost] | None = None, **given: tuple[Meter, ...]
) -> Book:
    """The book of a phase."""
    kept: list[PhaseCost] = [] if saved is None else saved
    return Book(before or PhaseCost(name="train"), WATTS, kept.append, **given)


def test_tasks_that_run_elsewhere_count_as_they_tell() -> None:
    own = book()
    assert len(list(CountedCompute(Elsewhere(), own).run(TASK))) == 2
    assert own.cost.cpu_s == pytest.approx(42.0, abs=0.2)
    assert own.cost.assumed_wh == pytest.approx(42.0 * WATTS / 3600, abs=0.001)


def test_a_task_in_this_thread_is_not_counted_twice() -> None:
    own = book()
    list(CountedCompute(Here(), own).run(TASK))
    busy(0.1)
    assert own.cost.cpu_s == pytest.approx(0.3, abs=0.1)


def test_tasks_that_other_threads_wait_for_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.ledger.SAVE_EVERY_S", 0.0)
    saved: list[PhaseCost] = []
    own = book(saved=saved)
    busy(0.2)

    def wait_for(compute: Compute) -> None:
        busy(0.3)  # whatever else that thread did
        list(CountedCompute(compute, own).run(TASK))

    for compute in (Here(), Elsewhere()):
        thread = Thread(target=wait_for, args=(compute,))
        thread.start()
        thread.join()
    # That of the task in the thread beside, of the task elsewhere, and of this thread.
    assert own.cost.cpu_s == pytest.approx(0.2 + 42.0 + 0.2, abs=0.15)
    assert all(0.0 < one.cpu_s < 43.0 for one in saved)


def test_closing_cancels_the_task() -> None:
    inner = Elsewhere()
    CountedCompute(inner, book()).run(TASK).close()
    assert inner.closed


def test_an_attempt_goes_on_with_what_was_spent_before() -> None:
    saved: list[PhaseCost] = []
    first = book(saved=saved)
    list(CountedCompute(Elsewhere(), first).run(TASK))
    first.set_device_s(30.0)
    first.save()
    second = book(saved[-1], saved)
    list(CountedCompute(Elsewhere(), second).run(TASK))
    second.set_device_s(36.0)  # of both attempts
    second.save()
    cost = saved[-1]
    assert (cost.name, cost.device_s) == ("train", 36.0)
    assert cost.cpu_s == pytest.approx(84.0, abs=0.4)
    assert cost.assumed_wh == pytest.approx((84.0 + 36.0) * WATTS / 3600, abs=0.002)


def test_saving_twice_counts_once() -> None:
    saved: list[PhaseCost] = []
    own = book(saved=saved)
    list(CountedCompute(Elsewhere(), own).run(TASK))
    own.save()
    own.save()
    assert saved[1].cpu_s == pytest.approx(saved[0].cpu_s, abs=0.2)


def test_a_counter_is_taken_instead_of_the_assumed_power() -> None:
    clock = FakeClock()
    own = book(counters=(counter(clock, 20.0), counter(clock, 5.0, start_j=70.0)))
    clock.wait(3600.0)
    list(CountedCompute(Elsewhere(), own).run(TASK))
    assert own.cost.metered_wh == pytest.approx(25.0)
    assert own.cost.assumed_wh == 0.0
    own.set_device_s(36.0)  # sessions run while the phase waits, and no counter is read
    assert own.cost.assumed_wh == pytest.approx(0.1)


def test_counters_wrap() -> None:
    clock = FakeClock()
    tally = Tally((counter(clock, 20.0, wraps_at_j=50_000.0, start_j=49_900.0),), lambda: clock.seconds)
    clock.wait(10.0)
    tally.look()
    assert tally.joules == pytest.approx(200.0)
    assert tally.complete


def test_a_counter_that_may_have_wrapped_twice_is_not_believed() -> None:
    clock = FakeClock()
    tally = Tally((counter(clock, 20.0, wraps_at_j=5_000.0, start_j=4_999.0),), lambda: clock.seconds)
    clock.wait(200.0)
    tally.look()
    assert not tally.complete


def test_a_counter_that_may_have_gone_round_past_where_it_was_is_not_believed() -> None:
    """It shows more than before: 24,467 J of 90,000."""
    clock = FakeClock()
    tally = Tally((counter(clock, 225.0, wraps_at_j=65_533.0, start_j=1_000.0),), lambda: clock.seconds)
    clock.wait(400.0)
    tally.look()
    assert not tally.complete


def test_a_counter_that_is_looked_at_often_enough_goes_round_and_round() -> None:
    clock = FakeClock()
    tally = Tally((counter(clock, 225.0, wraps_at_j=65_533.0, start_j=1_000.0),), lambda: clock.seconds)
    for _ in range(100):
        clock.wait(LOOK_EVERY_S)
        tally.look()
    assert tally.complete
    assert tally.joules == pytest.approx(225_000.0)


def test_counters_are_looked_at_while_no_task_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.ledger.LOOK_EVERY_S", 0.001)
    looks = Semaphore(0)

    def read() -> Reading:
        looks.release()
        return Reading(1.0)

    own = book(counters=(Meter("m", "package", "energy_j", 1e-6, 0.001, 50_000.0, read),))
    with own.watched():
        # One when it was opened, the others while the phase computes.
        assert all(looks.acquire(timeout=20.0) for _ in range(4))
    assert not [thread for thread in threading.enumerate() if thread.name == "ledger"]
    assert own.cost.assumed_wh == 0.0


def test_a_counter_that_is_gone_is_not_believed() -> None:
    clock = FakeClock()

    def read() -> Reading:
        if clock.seconds:
            raise OSError("gone")
        return Reading(1.0)

    own = book(counters=(Meter("m", "package", "energy_j", 1e-6, 0.001, None, read),))
    clock.wait(1.0)
    list(CountedCompute(Elsewhere(), own).run(TASK))
    assert own.cost.metered_wh == 0.0
    assert own.cost.assumed_wh > 0.1


def test_counters_of_this_machine_move() -> None:
    for one in host_counters():
        assert (one.scope, one.quantity) == ("package", "energy_j")
