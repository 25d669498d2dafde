import pytest

from api import rate_limits
from api.rate_limits import Buckets, Slots


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    clock = Clock()
    buckets = Buckets(per_s=2.0, burst=3.0, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]
    assert not buckets.has("a")
    assert buckets.take("b")
    clock.now = 0.5
    assert buckets.has("a")
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    clock.now = 100.0
    assert [buckets.take("a") for _ in range(4)] == [True, True, True, False]


def test_names_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_NAMES", 2)
    buckets = Buckets(per_s=0.0, burst=1.0, clock=Clock())
    assert all(buckets.take(name) for name in "abc")
    assert [buckets.has(name) for name in "abc"] == [True, False, False]


def test_slots_are_each_names_own_and_come_back() -> None:
    slots = Slots(1)
    with slots.taken("a") as first, slots.taken("a") as second, slots.taken("b") as other:
        assert (first, second, other) == (True, False, True)
    with slots.taken("a") as again:
        assert again
