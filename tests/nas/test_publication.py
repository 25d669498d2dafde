"""Intervals, paired tests and the status of verified networks, against values worked out by hand."""

import numpy as np
import pytest

from nas.publication import (
    accuracy_of,
    beside_front,
    deliverable,
    held_value,
    keeps_limits,
    known_objectives,
    latency_coverage,
    measured_value,
    statuses,
    tied,
    ties,
    within_limits,
)
from nas.results import VerifiedNetwork
from tests.nas.report.documents import energy, figure, latency, network, target

OBJECTIVES = ("accuracy", "latency_ms")


def test_what_keeps_a_limit_on_any_target_answers_it() -> None:
    """One device, two contexts: the second is faster, and has a limit of its own."""
    slow = target((network("a", 0.9, 0.97), network("b", 1.4, 0.99)), limit_ms=None)
    fast = target((network("a", 0.5, 0.97), network("c", 0.7, 0.98)), limit_ms=0.6)
    found = within_limits([slow, fast], {})
    assert [(number, one.name) for number, one in found] == [(0, "a"), (0, "b"), (1, "a")]
    found = within_limits([slow, fast], {"latency_ms": 1.0})
    assert [(number, one.name) for number, one in found] == [(0, "a"), (1, "a"), (1, "c")]
    assert within_limits([slow, fast], {"latency_ms": 0.1}) == []


def test_what_its_device_has_refused_answers_no_limit() -> None:
    refused = network("refused", 0.2, 0.99, status="unverified")
    kept = network("kept", 0.4, 0.97)
    here, there = target((refused, kept)), target((refused.model_copy(update={"status": "front"}),))
    assert deliverable(here) == [kept]
    found = within_limits([here, there], {})
    assert [(number, one.name) for number, one in found] == [(0, "kept"), (1, "refused")]


def answers(*runs: tuple[int, bool]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Runs of equal answers: (3, True), (2, False) is TTTFF."""
    return np.concatenate([np.full(length, value) for length, value in runs])


@pytest.mark.parametrize(
    ("correct", "total", "lower", "upper"),
    [
        # Newcombe 1998, Statistics in Medicine 17, table I, method 3 (Wilson's score interval).
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_the_published_ones(correct: int, total: int, lower: float, upper: float) -> None:
    found = accuracy_of(answers((correct, True), (total - correct, False)), "confirm")
    assert found.value == correct / total
    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)
    assert (found.num_images, found.part, found.kind) == (total, "confirm", "measured")


def test_a_faultless_network_is_not_surely_faultless() -> None:
    # All n right: the lower end is n / (n + z^2) with z = 1.959964.
    found = accuracy_of(answers((10, True)), "test")
    assert found.upper == 1.0
    assert found.lower == pytest.approx(10 / (10 + 3.841459), abs=1e-6)


@pytest.mark.parametrize(
    ("only_first", "only_second", "expected"),
    [
        (0, 0, True),
        (5, 0, True),  # p = 2 / 2^5 = 0.0625
        (6, 0, False),  # p = 2 / 2^6 = 0.03125
        (7, 1, True),  # p = 2 (1 + 8) / 2^8 = 0.0703
        (8, 1, False),  # p = 2 (1 + 9) / 2^9 = 0.0391
        (1, 8, False),
    ],
)
def test_ties_follow_the_exact_paired_test(only_first: int, only_second: int, expected: bool) -> None:
    both_right, both_wrong = 50, 20
    first = answers((both_right, True), (only_first, True), (only_second, False), (both_wrong, False))
    second = answers((both_right, True), (only_first, False), (only_second, True), (both_wrong, False))
    assert tied(first, second) is expected
    assert tied(second, first) is expected


def test_ties_are_found_between_all_pairs() -> None:
    # Six answers differ between a and b (p = 2 / 2^6), one between a and c, five between b and c (2 / 2^5).
    correct = {
        "a": answers((6, True), (10, True)),
        "b": answers((6, False), (10, True)),
        "c": answers((1, False), (5, True), (10, True)),
    }
    assert ties(correct) == {"a": ("c",), "b": ("c",), "c": ("a", "b")}


def test_the_measured_upper_bound_of_latency_keeps_the_limit() -> None:
    # Median 0.98 with an interval of 3 %: the upper end is 1.0094.
    found = network("a", 0.98, 0.9, latency=latency(0.98, 0.03))
    assert not keeps_limits(found, {"latency_ms": 1.0})
    assert keeps_limits(found, {"latency_ms": 1.01})
    assert keeps_limits(found, {})


def test_a_value_equal_to_the_limit_keeps_it() -> None:
    found = network("a", 0.5, 0.9, num_params=100, num_macs=200, peak_memory_bytes=300, file_bytes=400)
    limits = {"num_params": 100.0, "num_macs": 200.0, "peak_memory_bytes": 300.0, "file_bytes": 400.0}
    assert keeps_limits(found, limits)
    for name, limit in limits.items():
        assert not keeps_limits(found, {**limits, name: limit - 1})


def test_the_front_is_non_dominated_in_what_was_measured() -> None:
    # Predictions say the opposite of the measurements and play no part.
    good = network("good", 0.2, 0.95, predicted_accuracy=None, predicted_latency=None)
    worse = network("worse", 0.3, 0.90)
    small = network("small", 0.1, 0.80)
    over = network("over", 0.9, 0.99)
    assert statuses([worse, good, small, over], OBJECTIVES, {"latency_ms": 0.5}) == [
        "dominated",
        "front",
        "front",
        "over_limit",
    ]


def test_what_is_over_a_limit_dominates_nothing() -> None:
    fast = network("fast", 0.1, 0.99, num_params=1_000_000)
    kept = network("kept", 0.2, 0.90, num_params=10)
    assert statuses([fast, kept], OBJECTIVES, {"num_params": 100.0}) == ["over_limit", "front"]
    assert statuses([fast, kept], OBJECTIVES, {"num_params": 1.0}) == ["over_limit", "over_limit"]
    assert statuses([], OBJECTIVES, {}) == []


def test_a_stock_network_has_the_status_it_would_have_on_the_front() -> None:
    there = target(
        (
            network("fast", 0.1, 0.90, status="front"),
            network("good", 0.3, 0.95, status="front"),
            network("left", 0.25, 0.80, status="dominated"),
        )
    )
    stock = [
        network("better", 0.29, 0.96, origin="reference"),
        network("worse", 0.4, 0.94, origin="reference"),
        network("between", 0.2, 0.92, origin="reference"),
        network("slow", 2.0, 0.99, origin="reference"),
    ]
    placed = [(one.name, one.status) for one in beside_front(there, stock, OBJECTIVES)]
    assert placed == [
        ("better", "front"),
        ("worse", "dominated"),
        ("between", "front"),
        ("slow", "over_limit"),
    ]
    assert beside_front(there, [], OBJECTIVES) == ()


def test_equal_networks_both_stand_on_the_front() -> None:
    twins = [network("a", 0.2, 0.9), network("b", 0.2, 0.9)]
    assert statuses(twins, OBJECTIVES, {}) == ["front", "front"]


def test_a_third_objective_saves_a_point() -> None:
    fast = network("fast", 0.2, 0.9, num_params=200)
    lean = network("lean", 0.3, 0.9, num_params=100)
    assert statuses([fast, lean], OBJECTIVES, {}) == ["front", "dominated"]
    assert statuses([fast, lean], (*OBJECTIVES, "num_params"), {}) == ["front", "front"]


def test_every_objective_has_a_measured_value() -> None:
    found: VerifiedNetwork = network("a", 0.25, 0.9, num_params=1, num_macs=2, peak_memory_bytes=3)
    names = ("accuracy", "latency_ms", "num_params", "num_macs", "peak_memory_bytes")
    assert [measured_value(found, name) for name in names] == [0.9, 0.25, 1.0, 2.0, 3.0]


def test_the_coverage_counts_networks_that_were_measured_where_they_were_predicted() -> None:
    predicted = [figure(0.2, 0.01, "table"), figure(0.2, 0.001, "table"), figure(0.3, 0.01, "table"), None]
    networks = [network(f"n{i}", 0.205, 0.9, predicted_latency=one) for i, one in enumerate(predicted)]
    assert latency_coverage(networks) == pytest.approx(1 / 3)
    assert latency_coverage(networks[3:]) is None


def test_energy_is_held_by_its_upper_end_and_what_was_not_measured_keeps_no_limit() -> None:
    plain = network("plain", 0.5, 0.9)
    seen = plain.model_copy(update={"energy": energy(2.0), "arena_bytes": 1_000})
    assert (measured_value(seen, "energy_mj"), held_value(seen, "energy_mj")) == (2.0, 2.1)
    assert keeps_limits(seen, {"energy_mj": 2.1, "arena_bytes": 1_000})
    assert not keeps_limits(seen, {"energy_mj": 2.05})
    for name in ("energy_mj", "arena_bytes"):
        assert not keeps_limits(plain, {name: 1e12})
        assert name not in known_objectives([plain, seen])
        assert name in known_objectives([seen])
    placed = statuses([plain, seen], ("accuracy", "energy_mj"), {"energy_mj": 3.0})
    assert placed == ["over_limit", "front"]
