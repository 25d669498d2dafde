"""Leases are renewed long before they end, and losing one is no error of the product."""

from nas.leases import LeaseLost, LeaseTimes
from search_spaces.errors import HwnasError


def test_a_worker_renews_often_and_stops_before_others_begin() -> None:
    times = LeaseTimes(lease_ms=30_000)
    assert 3 * times.renew_every_ms < times.stop_after_ms < times.lease_ms


def test_a_lost_lease_is_not_taken_for_a_fault_of_the_job() -> None:
    assert not issubclass(LeaseLost, HwnasError)
