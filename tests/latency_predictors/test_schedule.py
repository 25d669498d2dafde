from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latency_predictors.core_watch import WatchRules
from latency_predictors.drift import NO_REPEATS, DriftRules
from latency_predictors.measure import Summary
from latency_predictors.schedule import run_schedule, segments
from search_spaces.errors import MeasurementError
from tests.latency_predictors.sessions import summary

ANCHORS = ["network", "memory"]


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
    return FakeDevice({**truth, "network": 0.5, "memory": 0.2}, slowness)


def waits_in_vain(fake: FakeDevice, at: int) -> None:
    """Have a measurement, by its place in order, run out of patience."""
    measure = fake.measure

    def measured(digest: str) -> Summary:
        in_vain = len(fake.order) == at
        return replace(
            measure(digest), disturbed=in_vain, waited_s=WatchRules.file_s + 0.1 if in_vain else 0.0
        )

    fake.measure = measured  # type: ignore[method-assign]


def test_anchors_stand_at_the_start_after_every_ten_subjects_and_at_the_end() -> None:
    fake = device(lambda t, _: 1.0)
    fake.run(25)
    places = [i for i, digest in enumerate(fake.order) if digest == "network"]
    assert places == [0, 12, 24, 31]
    assert len(fake.order) == 25 + 4 * 2


def test_a_segment_ends_after_its_time_too() -> None:
    fake = device(lambda t, _: 1.0)
    fake.run(6, rules=DriftRules(segment_s=0.25))
    places = [i for i, digest in enumerate(fake.order) if digest == "network"]
    assert places == [0, 4, 8, 12]  # two subjects a segment


def test_a_segment_ends_with_a_subject_for_which_the_core_was_waited_in_vain() -> None:
    fake = device(lambda t, _: 1.0)
    waits_in_vain(fake, at=4)  # two anchors, three subjects
    fake.run(25)
    assert [digest in ANCHORS for digest in fake.order[:8]] == [True] * 2 + [False] * 3 + [True] * 2 + [False]


@pytest.mark.parametrize("at", [0, 1])
def test_anchors_are_read_again_where_the_core_was_waited_for_in_vain(at: int) -> None:
    # What was read of the first is from before the core counted as slower.
    fake = device(lambda t, _: 1.0 if t < 0.1 or t > 0.7 else 1.7)
    waits_in_vain(fake, at=at)
    found = fake.run(10, reference_ms={"network": 0.5, "memory": 0.2}, rules=DriftRules(patience_s=0.0))
    assert fake.order[:4] == ANCHORS * 2
    assert fake.order[4] not in ANCHORS
    assert found == pytest.approx(fake_truth(10))


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
    found = fake.run(25, seed=seed, reference_ms={"network": 0.5, "memory": 0.2})
    for digest, value in found.items():
        assert value == pytest.approx(fake.truth_ms[digest], rel=2e-3)
    assert not any(result.suspect for result in fake.outcome.results)


def test_without_a_reference_the_session_is_its_own() -> None:
    fake = device(lambda t, _: 1.1)
    found = fake.run(25)
    assert found["s3"] == pytest.approx(4.0 * 1.1)
    assert fake.outcome.reference_ms == pytest.approx({"network": 0.55, "memory": 0.22})


def test_the_reference_is_the_device_at_rest() -> None:
    fake = device(lambda t, _: 1.0 if 2.0 < t < 4.5 else 1.5, num_subjects=40)
    found = fake.run(40, rules=DriftRules(patience_s=0.0))
    assert fake.outcome.reference_ms == pytest.approx({"network": 0.5, "memory": 0.2})
    assert found == pytest.approx(fake_truth(40))


def test_a_slow_session_is_scaled_to_the_reference() -> None:
    fake = device(lambda t, _: 1.3)
    found = fake.run(25, reference_ms={"network": 0.5, "memory": 0.2})
    assert found == pytest.approx(fake_truth(25))
    assert all(result.scale == pytest.approx(1.3) for result in fake.outcome.results)
    assert all(result.suspect for result in fake.outcome.results)  # so much is more than drift


def test_a_reference_of_other_anchors_is_refused() -> None:
    with pytest.raises(MeasurementError) as caught:
        device(lambda t, _: 1.0).run(2, reference_ms={"another": 1.0})
    assert caught.value.code == "anchor_mismatch"


def test_subjects_between_anchors_that_moved_are_measured_again() -> None:
    # A step of 8 % in the second segment; before and after it the device is steady.
    fake = device(lambda t, _: 1.0 if t < 1.7 else 1.08)
    found = fake.run(25, reference_ms={"network": 0.5, "memory": 0.2})
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
    # One repeat for each is all that the session can afford.
    assert all(result.suspect and result.num_repeats == 1 for result in fake.outcome.results)
    assert Counter(fake.order)["s0"] == 2


def test_what_was_measured_on_a_core_that_somebody_slowed_down_is_measured_again() -> None:
    fake = device(lambda _, __: 1.0, num_subjects=10)
    always, once = "s3", ["s7"]

    def measure(digest: str) -> Summary:
        found = fake.measure(digest)
        disturbed = digest == always or (digest in once and once.pop() == digest)
        return replace(found, disturbed=disturbed)

    subjects = [f"s{i}" for i in range(10)]
    found = run_schedule(subjects, ANCHORS, measure, fake.clock, np.random.default_rng(0))
    repeats = {result.digest: result.num_repeats for result in found.results}
    assert repeats == dict.fromkeys(subjects, 0) | {"s7": 1, always: DriftRules().max_repeats}
    assert {result.digest for result in found.results if result.suspect} == {always}


def test_a_restless_session_takes_at_most_twice_its_time() -> None:
    fake = device(lambda t, _: 1.0 + 0.08 * (int(t / 0.7) % 2))
    fake.run(25, rules=DriftRules(segment_subjects=5, patience_s=0.0))
    repeats = [result.num_repeats for result in fake.outcome.results]
    assert max(repeats) <= 2
    assert 0 < sum(repeats) < 25 + 5  # the last group to be repeated may go beyond


def test_anchors_that_disagree_make_subjects_suspect() -> None:
    fake = device(lambda t, digest: 1.21 if digest == "memory" else 1.0)
    found = fake.run(5, reference_ms={"network": 0.5, "memory": 0.2})
    assert found["s2"] == 3.0  # by what the second says nothing is divided
    assert all(result.suspect for result in fake.outcome.results)


@pytest.mark.parametrize("by", [1.16, 1.29])
def test_where_the_second_anchor_moves_alone_subjects_are_suspect_and_not_repeated(by: float) -> None:
    fake = device(lambda t, digest: by if digest == "memory" and t > 0.7 else 1.0)
    found = fake.run(10, reference_ms={"network": 0.5, "memory": 0.2})
    assert found == fake_truth(10)
    assert all(result.suspect and result.num_repeats == 0 for result in fake.outcome.results)


def test_one_step_repeats_a_segment_but_keeps_the_session() -> None:
    fake = device(lambda t, _: 1.0 if t < 2.0 else 1.4)
    found = fake.run(25, reference_ms={"network": 0.5, "memory": 0.2})
    assert found == pytest.approx(fake_truth(25))
    assert sum(result.num_repeats for result in fake.outcome.results) == 10


def test_a_device_that_keeps_jumping_makes_the_session_void() -> None:
    fake = device(lambda t, _: 1.0 + 0.4 * (int(t / 0.25) % 2))
    with pytest.raises(MeasurementError, match="keeps jumping, by 40%") as caught:
        fake.run(10, rules=DriftRules(patience_s=0.0))
    assert caught.value.code == "session_void"


@pytest.mark.parametrize("period_s", [1.2, 1.7, 2.9])
def test_a_device_that_jumps_every_second_is_measured_in_between(period_s: float) -> None:
    fake = device(lambda t, _: 1.0 + 0.6 * (int(t / period_s) % 2), num_subjects=40)
    found = fake.run(40, reference_ms={"network": 0.5, "memory": 0.2})
    share = sum(found[name] == pytest.approx(truth, rel=0.05) for name, truth in fake_truth(40).items()) / 40
    assert share > 0.9
    assert fake.now_ns < 5 * 40 * 100_000_000 + DriftRules().patience_s * 1e9


def test_without_repeats_everything_is_measured_once_and_what_was_disturbed_is_suspect() -> None:
    fake = device(lambda t, _: 1.0 if t < 1.7 else 1.6)
    fake.run(25, rules=NO_REPEATS)
    assert max(count for digest, count in Counter(fake.order).items() if digest not in ANCHORS) == 1
    suspect = {result.digest for result in fake.outcome.results if result.suspect}
    assert suspect == {f"s{i}" for i in range(25)}.difference(fake.order[2:12])


def test_a_disturbance_is_waited_out() -> None:
    # Something else runs from 0.5 s to 4 s; the session begins at 0, and waits for its end.
    fake = device(lambda t, _: 1.3 if 0.5 < t < 4.0 else 1.0)
    found = fake.run(25, reference_ms={"network": 0.5, "memory": 0.2})
    assert found == pytest.approx(fake_truth(25))
    during = [digest for digest in fake.order[5:40] if digest not in ANCHORS]
    assert len(during) < 10  # only what was left of the first segment
    assert not any(result.suspect for result in fake.outcome.results)


def test_waiting_ends_with_the_patience_of_the_session() -> None:
    fake = device(lambda t, _: 1.0 if t < 0.5 else 1.3)
    found = fake.run(25, reference_ms={"network": 0.5, "memory": 0.2}, rules=DriftRules(patience_s=2.0))
    assert found == pytest.approx(fake_truth(25))
    assert fake.now_ns < (25 + 10 + 6 * 2 + 20 + 2) * 100_000_000


def test_a_session_that_begins_slower_than_the_table_waits_first() -> None:
    fake = device(lambda t, _: 1.3 if t < 1.0 else 1.0)
    fake.run(5, reference_ms={"network": 0.5, "memory": 0.2})
    first_subject = next(i for i, digest in enumerate(fake.order) if digest not in ANCHORS)
    assert first_subject == 12  # six looks at two anchors: the last one is after a second


def test_what_is_kept_is_told_segment_by_segment() -> None:
    """A step in the second segment: what is measured again is told with a later one."""
    fake = device(lambda t, _: 1.0 if t < 1.7 else 1.08)
    subjects = [f"s{i}" for i in range(25)]
    told = list(segments(subjects, ANCHORS, fake.measure, fake.clock, np.random.default_rng(0)))
    assert [len(segment.timed) for segment in told] == [10, 0, 10, 5]
    readings = [reading for segment in told for reading in segment.readings]
    assert len(told[0].readings) == 2
    assert [reading.at_ns for reading in readings] == sorted({reading.at_ns for reading in readings})


class Broken(FakeDevice):
    """A device that cannot load some files."""

    code = "file_not_loadable"

    def measure(self, digest: str) -> Summary:
        if digest in ("s1", "s2"):
            raise MeasurementError(self.code, f"{digest} is broken")
        return super().measure(digest)


def test_a_subject_that_cannot_be_measured_fails_alone() -> None:
    fake = Broken({**fake_truth(5), "network": 0.5, "memory": 0.2}, lambda t, _: 1.0)
    assert fake.run(5).keys() == {"s0", "s3", "s4"}
    failures = {failure.digest: failure.message for failure in fake.outcome.failures}
    assert failures == {"s1": "s1 is broken", "s2": "s2 is broken"}


def test_an_error_that_is_not_the_files_ends_the_session() -> None:
    fake = Broken({**fake_truth(5), "network": 0.5, "memory": 0.2}, lambda t, _: 1.0)
    fake.code = "context_mismatch"
    with pytest.raises(MeasurementError) as caught:
        fake.run(5)
    assert caught.value.code == "context_mismatch"


def test_a_clock_that_runs_backwards_between_two_looks_is_noticed() -> None:
    fake = device(lambda t, _: 1.0)

    def clock() -> int:
        return fake.now_ns if fake.now_ns < 800_000_000 else fake.now_ns - 5_000_000_000

    with pytest.raises(MeasurementError) as caught:
        run_schedule(["s0", "s1", "s2", "s3", "s4"], ANCHORS, fake.measure, clock, np.random.default_rng(0))
    assert caught.value.code == "clock_jumped"


def fake_truth(num_subjects: int) -> dict[str, float]:
    return {f"s{i}": 1.0 + i for i in range(num_subjects)}
