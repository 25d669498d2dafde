"""A device stays with whoever measures there, however long a file takes, and with nobody longer than that."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latency_predictors.device import host_device
from nas.leases import LeaseLost, LeaseTimes
from nas.measurement_tasks import DeviceLease
from search_spaces.errors import HwnasError, StoreError
from tests.workers.jobs_at_work import Workplace, until, workplace
from tests.workers.test_measuring import waiting_for
from workers.device_pulse import DevicePulse

# Renewed twice a second: a busy machine gives a thread no turn for a third of a second at times.
TIMES = LeaseTimes(lease_ms=2_000)
LEASE = DeviceLease("1" * 64, "ann", 7, "2" * 32)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Workplace]:
    """A home in which leases hold for two seconds, and something is to be measured."""
    with workplace(tmp_path, TIMES) as place:
        waiting_for(place, "a")
        yield place


class Queue:
    """Takes renewals, as often as it can; answers what a test wants."""

    renew_every_s = 0.01

    def __init__(self, *answers: Exception) -> None:
        self.seen: list[tuple[DeviceLease, int, int]] = []
        self.answers = list(answers)

    def renew(self, lease: DeviceLease, measured: int = 0, to_measure: int = 0) -> None:
        self.seen.append((lease, measured, to_measure))
        if self.answers:
            raise self.answers.pop(0)


def beats() -> bool:
    return any(thread.name == "device pulse" for thread in threading.enumerate())


def test_a_device_is_kept_for_longer_than_a_lease_holds_and_no_longer_than_it_is_measured(
    quick: Workplace,
) -> None:
    queue, device = quick.stores.measurements, host_device().digest
    leased = queue.lease(device, "ann")
    assert leased is not None
    with DevicePulse(queue, leased[0]) as pulse:
        pulse.progress(1, 5)
        pulse.progress(2, 5)
        end = time.monotonic() + 1.5 * TIMES.lease_ms / 1000
        until(lambda: time.monotonic() > end)
        assert queue.lease(device, "bob") is None
        # Less than a second after the first: told with a renewal.
        assert queue.progress(device) == (2, 5)
    until(lambda: queue.lease(device, "bob") is not None)


def test_progress_is_told_at_once_and_then_once_a_second() -> None:
    queue: Any = Queue()
    queue.renew_every_s = 60.0
    with DevicePulse(queue, LEASE) as pulse:
        pulse.begin()
        pulse.progress(1, 5)
        pulse.progress(2, 5)
        pulse.begin()
        pulse.progress(1, 3)
    assert queue.seen == [(LEASE, *told) for told in [(0, 0), (1, 5), (0, 0), (1, 3)]]


def test_a_database_that_is_away_ends_nothing() -> None:
    queue: Any = Queue(*[StoreError("database_unreachable", "gone")] * 3)
    with DevicePulse(queue, LEASE) as pulse:
        until(lambda: len(queue.seen) > 4)
        pulse.progress(1, 1)


@pytest.mark.parametrize("error", [LeaseLost("another measures there"), ZeroDivisionError("unforeseen")])
def test_whoever_has_lost_the_device_is_told_and_renews_no_more(error: Exception) -> None:
    queue: Any = Queue(error)
    with DevicePulse(queue, LEASE) as pulse:
        until(lambda: bool(queue.seen) and not beats())
        with pytest.raises(type(error), match=str(error)):
            pulse.progress(1, 1)
    assert len(queue.seen) == 1


@pytest.mark.parametrize("error", [HwnasError("session_died", "it ended"), KeyboardInterrupt()])
def test_renewing_ends_where_measuring_fails(error: BaseException) -> None:
    queue: Any = Queue()

    def measuring() -> None:
        with DevicePulse(queue, LEASE):
            until(lambda: bool(queue.seen))
            raise error

    with pytest.raises(type(error)):
        measuring()
    assert not beats()
