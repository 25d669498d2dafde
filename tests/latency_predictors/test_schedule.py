from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_predictors.measure import Summary
from latency_predictors.schedule import DriftRules, run_schedule
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import summary

ANCHORS = ["compute", "memory"]


class FakeDevice:
    """Takes 0.1 s a measurement; its speed is a function of time, the same for every subject by default."""

    def __init__(self, truth_ms: dict[str, float], slowness: Callable[[float, str], float]) -> None:
        self.truth_ms = truth_ms
        self.slowness = slowness
        self.now_ns = 0
        self.order: list[str] = []

    def clock(self) -> int:
        return self.now_ns

    def measure(self, digest: str) -> Summary:
        self.order.append(digest)
        middle_s = self.now_ns / 1e9 + 0.05
        self.now_ns += 100_000_000
        return summary(self.truth_ms[digest] * self.slowness(middle_s, digest))

    def run(self, num_subjects: int, seed: int = 0, **options: Any) -> dict[str, float]:
        subjects = [f"s{i}" for i in range(num_subjects)]
        rng = np.random.default_rng(seed)
        self.outcome = run_schedule(subjects, ANCHORS, self.measure, self.clock, rng, **options)
        return {result.digest: result.median_ms for result in self.outcome.results}


def device(slowness: Callable[[float, str], float], num_subjects: int = 25) -> FakeDevice:
    truth = {f"s{i}": 1.0 + i for i in range(num_subjects)}
    return FakeDevice({**truth, "compute": 0.5, "memory": 0.2}, slowness)


def test_anchors_stand_at_the_start_after_every_ten_subjects_and_at_the_end() -> None:
    fake = device(lambda t, _: 1.0)
    fake.run(25)
    places = [i for i, digest in enumerate(fake.order) if digest == "compute"]
    assert places == [0, 12, 24, 31]
    assert len(fake.order) == 25 + 4 * 2


def test_a_segment_ends_after_its_time_too() -> None:
    fake = device(lambda t, _: 1.0)
    fake.run(6, rules=DriftRules(segment_s=0.25))
    places = [i for i, digest in enumerate(fake.order) if digest == "compute"]
    assert places == [0, 4, 8, 12]  # two subjects a segment


def test_subjects_slower_than_a_segment_are_measured_all_the_same() -> None:
    fake = device(lambda t, _: 1.0)
    assert len(fake.run(3, rules=DriftRules(segment_s=0.0))) == 3


def test_the_order_is_random_but_the_seed_decides_it() -> None:
    orders = []
    for seed in (0, 0, 1):
        fake = device(lambda t, _: 1.0)
        fake.run(25, seed=seed)
        orders.append(fake.order)
    assert orders[0] == orders[1] != orders[2]


@settings(max_examples=30)
@given(rate=st.floats(-0.02, 0.02), seed=st.integers(0, 100))
def test_steady_drift_is_taken_out(rate: float, seed: int) -> None:
    fake = device(lambda t, _: 1.0 + rate * t)
    found = fake.run(25, seed=seed, reference_ms={"compute": 0.5, "memory": 0.2})
    for digest, value in found.items():
        assert value == pytest.approx(fake.truth_ms[digest], rel=2e-3)
    assert not any(result.suspect for result in fake.outcome.results)


def test_without_a_reference_the_session_is_its_own() -> None:
    fake = device(lambda t, _: 1.1)
    found = fake.run(25)
    assert found["s3"] == pytest.approx(4.0 * 1.1)
    assert fake.outcome.reference_ms == pytest.approx({"compute": 0.55, "memory": 0.22})


def test_a_slow_session_is_scaled_to_the_reference() -> None:
    fake = device(lambda t, _: 1.3)
    found = fake.run(25, reference_ms={"compute": 0.5, "memory": 0.2})
    assert found == pytest.approx({f"s{i}": 1.0 + i for i in range(25)})
    assert all(result.scale == pytest.approx(1.3) for result in fake.outcome.results)


def test_a_reference_of_other_anchors_is_refused() -> None:
    with pytest.raises(MeasurementError) as caught:
        device(lambda t, _: 1.0).run(2, reference_ms={"another": 1.0})
    assert caught.value.code == "anchor_mismatch"


def test_subjects_between_anchors_that_moved_are_measured_again() -> None:
    # A step of 8 % in the second segment; before and after it the device is steady.
    fake = device(lambda t, _: 1.0 if t < 1.7 else 1.08)
    found = fake.run(25, reference_ms={"compute": 0.5, "memory": 0.2})
    counts = Counter(fake.order)
    again = [digest for digest in found if counts[digest] == 2]
    assert len(again) == 10
    for result in fake.outcome.results:
        assert result.num_repeats == (result.digest in again)
        assert not result.suspect
        assert result.median_ms == pytest.approx(fake.truth_ms[result.digest], rel=1e-9)


def test_a_device_that_never_holds_still_gives_suspects() -> None:
    # The anchors read 1.0, 1.08, 1.0, ... : every other second.
    fake = device(lambda t, _: 1.0 + 0.08 * (int(t / 1.2) % 2), num_subjects=10)
    fake.run(10)
    assert all(result.suspect and result.num_repeats == 2 for result in fake.outcome.results)
    assert Counter(fake.order)["s0"] == 3


def test_anchors_that_disagree_correct_nothing() -> None:
    fake = device(lambda t, digest: 1.12 if digest == "memory" else 1.0)
    found = fake.run(5, reference_ms={"compute": 0.5, "memory": 0.2})
    assert found["s2"] == 3.0
    assert all(result.suspect and result.scale == 1.0 for result in fake.outcome.results)


def test_a_jump_makes_the_session_void() -> None:
    fake = device(lambda t, _: 1.0 if t < 2.0 else 1.4)
    with pytest.raises(MeasurementError, match="jumped by 40%") as caught:
        fake.run(25)
    assert caught.value.code == "session_void"


def test_one_disturbed_reading_repeats_the_segment_but_keeps_the_session() -> None:
    disturbed = iter([1.0, 1.0, 1.5])  # the first reading of both anchors, then one value of the second

    def slowness(_: float, digest: str) -> float:
        return next(disturbed, 1.0) if digest in ANCHORS else 1.0

    fake = device(slowness, num_subjects=8)
    found = fake.run(8, reference_ms={"compute": 0.5, "memory": 0.2})
    assert found == pytest.approx({f"s{i}": 1.0 + i for i in range(8)})
    assert all(result.num_repeats == 1 for result in fake.outcome.results)
