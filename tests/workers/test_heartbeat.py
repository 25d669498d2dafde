"""A worker renews what it holds, and hears where it has to stop."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.jobs import Released
from nas.leases import Lease, LeaseLost, LeaseTimes, Renewal
from nas.store.stores import Stores
from search_spaces.errors import StoreError
from tests.workers.jobs_at_work import TENANT, Workplace, until, workplace
from workers.heartbeat import Draining, Heartbeat, HeartbeatFailed, JobCancelled

TIMES = LeaseTimes(lease_ms=400)
# Where nothing may run out: a busy machine gives a thread no turn for a third of a second at times.
KEPT = LeaseTimes(lease_ms=2_000)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Workplace]:
    """A home in which leases hold for less than half a second."""
    with workplace(tmp_path, TIMES) as place:
        yield place


@pytest.fixture
def unhurried(tmp_path: Path) -> Iterator[Workplace]:
    """A home in which leases hold for as long as a busy machine needs to renew them."""
    with workplace(tmp_path, KEPT) as place:
        yield place


def heartbeat(stores: Stores, times: LeaseTimes = TIMES, name: str = "ann") -> Heartbeat:
    return Heartbeat(stores, stores.workers.register(name, {}), times)


def claimed(place: Workplace) -> Lease:
    place.submit()
    (claim,) = place.stores.queue.claim("ann")
    return claim.lease


def stopped(beat: Heartbeat) -> BaseException | None:
    """Why the job has to stop, None while it need not."""
    try:
        beat.check()
    except (LeaseLost, JobCancelled, HeartbeatFailed, Draining) as reason:
        return reason
    return None


def test_a_lease_and_a_name_are_renewed_for_as_long_as_they_are_held(unhurried: Workplace) -> None:
    stores = unhurried.stores
    beat, lease = heartbeat(stores, KEPT), claimed(unhurried)
    beat.hold(lease, lambda: 7)
    end = time.monotonic() + 1.5 * KEPT.lease_ms / 1000
    until(lambda: time.monotonic() > end)
    assert stopped(beat) is None
    assert stores.queue.reap() == []
    assert [worker.name for worker in stores.workers.alive()] == ["ann"]
    job = stores.jobs.get(TENANT, lease.job_id)
    assert job.progress == 7
    beat.release()
    until(lambda: bool(stores.queue.reap()))
    beat.close()
    until(lambda: stores.workers.alive() == ())


def test_whoever_has_lost_the_job_has_to_stop(quick: Workplace) -> None:
    beat, lease = heartbeat(quick.stores), claimed(quick)
    quick.stores.queue.settle(lease, Released())
    beat.hold(lease, lambda: 0)
    until(lambda: isinstance(stopped(beat), LeaseLost))
    beat.release()
    assert stopped(beat) is None, "the worker itself goes on"
    beat.close()


def test_whoever_is_to_cancel_has_to_stop(quick: Workplace) -> None:
    beat, lease = heartbeat(quick.stores), claimed(quick)
    beat.hold(lease, lambda: 0)
    quick.stores.jobs.request_cancel(TENANT, lease.job_id)
    until(lambda: isinstance(stopped(beat), JobCancelled))
    beat.close()


class Silent:
    """A queue that does not answer any more."""

    def __init__(self) -> None:
        self.asked = 0

    def renew(self, progress: object) -> dict[Lease, Renewal]:
        self.asked += 1
        raise StoreError("database_unreachable", "gone")


def test_without_an_answer_it_goes_on_until_the_lease_would_have_run_out(place: Workplace) -> None:
    times = LeaseTimes(lease_ms=1_000)
    silent: Any = Silent()
    lease = claimed(place)
    beat = heartbeat(replace(place.stores, queue=silent), times)
    begun = time.monotonic()
    beat.hold(lease, lambda: 0)
    until(lambda: silent.asked >= 2)
    if time.monotonic() - begun < times.stop_after_ms / 1000:
        assert stopped(beat) is None
    until(lambda: isinstance(stopped(beat), LeaseLost))
    # Before anybody else can have the job, by this process's own clock.
    assert time.monotonic() - begun >= times.stop_after_ms / 1000
    assert "could not be renewed in time" in str(stopped(beat))
    beat.close()


def test_a_drain_stops_the_job_and_says_why(place: Workplace) -> None:
    beat = heartbeat(place.stores)
    beat.check()
    beat.drain("it was told to")
    with pytest.raises(Draining, match="it was told to"):
        beat.check()
    beat.close()


def test_a_worker_whose_name_another_has_by_now_is_to_end(place: Workplace) -> None:
    # Its registration ran out while it slept.
    sleeping = place.stores.workers.register("ann", {})
    place.stores.workers.leave(sleeping)
    other = place.stores.workers.register("ann", {})
    beat = Heartbeat(place.stores, sleeping, TIMES)
    until(lambda: isinstance(stopped(beat), Draining))
    assert "another worker is named ann by now" in str(stopped(beat))
    place.stores.workers.renew(other)
    beat.close()


def test_no_renewal_is_under_way_once_the_job_is_released(place: Workplace) -> None:
    seen: list[str] = []

    class Slow:
        def renew(self, progress: Any) -> dict[Lease, Renewal]:
            seen.append("begun")
            end = time.monotonic() + 0.2
            until(lambda: time.monotonic() > end)
            seen.append("ended")
            return dict.fromkeys(progress, Renewal.RENEWED)

    slow: Any = Slow()
    lease = claimed(place)
    beat = heartbeat(replace(place.stores, queue=slow), LeaseTimes(lease_ms=200))
    beat.hold(lease, lambda: 0)
    until(lambda: bool(seen))
    beat.release()
    assert seen[-1] == "ended"
    beat.close()


def test_an_error_that_nobody_foresaw_ends_the_job_and_then_the_worker(unhurried: Workplace) -> None:
    def lost_count() -> int:
        raise ZeroDivisionError("no watermark")

    beat, lease = heartbeat(unhurried.stores, KEPT), claimed(unhurried)
    beat.hold(lease, lost_count)
    until(lambda: isinstance(stopped(beat), HeartbeatFailed))
    assert str(stopped(beat)) == "its heartbeat failed with ZeroDivisionError: no watermark"
    beat.release()
    reason = stopped(beat)
    assert isinstance(reason, Draining)
    assert "ZeroDivisionError" in str(reason)
    # It beats on: the worker keeps its name for as long as it needs to end.
    end = time.monotonic() + 1.5 * KEPT.lease_ms / 1000
    until(lambda: time.monotonic() > end)
    assert [worker.name for worker in unhurried.stores.workers.alive()] == ["ann"]
    beat.close()
