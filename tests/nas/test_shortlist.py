"""What is verified next."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from nas import shortlist
from nas.candidates import Candidates, Predictors
from nas.pareto import crowding_distance, hypervolume, num_dominated
from nas.shortlist import added_share, first_shortlist, may_belong, next_shortlist
from search_spaces.base import FloatArray, IntArray


class Values(NamedTuple):
    point: FloatArray
    lower: FloatArray
    upper: FloatArray


def candidates(
    accuracy: list[float], latency: list[float], half: float = 0.0, limit: float | None = None
) -> Candidates:
    """Candidate i is the architecture (i,); latency is known within a share on both sides."""

    def latency_of(archs: IntArray) -> Values:
        middle = np.array(latency)[archs[:, 0]]
        return Values(middle, middle * (1 - half), middle * (1 + half))

    predict = Predictors(
        {"accuracy": lambda archs: np.array(accuracy)[archs[:, 0]], "latency_ms": latency_of},
        {} if limit is None else {"latency_ms": limit},
    )
    return predict(np.arange(len(accuracy), dtype=np.int64)[:, np.newaxis])


def seen(*rows: int) -> set[bytes]:
    return {np.array([row], dtype=np.int64).tobytes() for row in rows}


def verified(*points: tuple[float, float]) -> FloatArray:
    """Measured (accuracy, latency) as minimised objectives."""
    return np.array([(-accuracy, latency) for accuracy, latency in points], dtype=np.float64).reshape(-1, 2)


def test_a_short_front_is_verified_whole() -> None:
    front = candidates([0.7, 0.8, 0.9], [1.0, 2.0, 4.0])
    assert first_shortlist(front, 5).tolist() == [0, 1, 2]
    assert first_shortlist(front, 3).tolist() == [0, 1, 2]


def test_the_thickest_crowd_is_thinned_and_the_ends_stay() -> None:
    # On a logarithmic scale 1, 2, 4, 8 are even; 2.1 crowds its neighbour.
    front = candidates([0.60, 0.70, 0.705, 0.80, 0.90], [1.0, 2.0, 2.1, 4.0, 8.0])
    kept = first_shortlist(front, 4).tolist()
    assert kept[0] == 0
    assert kept[-1] == 4
    assert len(set(kept) & {1, 2}) == 1
    assert first_shortlist(front, 2).tolist() == [0, 4]


def test_what_adds_most_to_the_front_comes_first() -> None:
    # Verified: (0.6, 1) and (0.9, 9). Candidate 1 fills the gap better than candidate 0; 2 is seen.
    found = candidates([0.62, 0.85, 0.90], [1.5, 2.0, 9.0])
    positions, reaching = next_shortlist(found, verified((0.6, 1.0), (0.9, 9.0)), seen(2), quota=1)
    assert positions.tolist() == [1]
    assert reaching == 2
    both, _ = next_shortlist(found, verified((0.6, 1.0), (0.9, 9.0)), seen(2), quota=5)
    assert both.tolist() == [1, 0]


def test_what_adds_nothing_is_not_verified() -> None:
    found = candidates([0.6, 0.9], [1.0, 9.0])
    positions, reaching = next_shortlist(found, verified((0.95, 0.5)), seen(), quota=5)
    assert positions.tolist() == []
    # Nothing in the candidates themselves dominates these two.
    assert reaching == 2


def test_where_nothing_is_predicted_to_add_what_would_at_its_best_is_looked_at() -> None:
    # Half a percent worse than what is verified, and known within a tenth; the third is out of reach.
    found = candidates([0.9, 0.8, 0.8], [2.01, 1.005, 1.5], half=0.1)
    base = verified((0.9, 2.0), (0.8, 1.0))
    positions, reaching = next_shortlist(found, base, seen(), quota=5)
    assert (sorted(positions.tolist()), reaching) == ([0, 1], 2)
    # As soon as one is predicted to add something, it is the one.
    better = candidates([0.9, 0.8, 0.8], [1.99, 1.005, 1.5], half=0.1)
    assert next_shortlist(better, base, seen(), quota=5)[0].tolist() == [0]


def test_everything_seen_leaves_nothing_to_reach() -> None:
    found = candidates([0.6, 0.9], [1.0, 9.0])
    positions, reaching = next_shortlist(found, verified((0.6, 1.0), (0.9, 9.0)), seen(0, 1), quota=5)
    assert (positions.tolist(), reaching) == ([], 0)


@pytest.mark.parametrize(("limit", "expected"), [(2.9, [1]), (2.6, [])])
def test_what_may_keep_the_limit_is_worth_verifying(limit: float, expected: list[int]) -> None:
    # Interval of candidate 1: 2.7 to 3.3. The first limit falls into it: only measuring can tell.
    found = candidates([0.6, 0.9], [1.0, 3.0], half=0.1, limit=limit)
    positions, reaching = next_shortlist(found, verified((0.6, 1.0)), seen(0), quota=5)
    assert positions.tolist() == expected
    assert reaching == len(expected)


def test_the_first_round_of_a_target_without_measurements_has_a_base() -> None:
    found = candidates([0.6, 0.9], [1.0, 3.0])
    positions, _ = next_shortlist(found, verified(), seen(), quota=5)
    assert sorted(positions.tolist()) == [0, 1]


def test_what_the_worst_case_of_a_front_beats_in_its_best_case_does_not_belong() -> None:
    front = candidates([0.9], [2.0], half=0.1)
    # Latencies are known within 10 %: the front's worst is 2.2, the best cases are 2.25, 1.98 and 1.8.
    others = candidates([0.8, 0.8, 0.95], [2.5, 2.2, 2.0], half=0.1)
    assert may_belong(front, others).tolist() == [False, True, True]


def test_what_surely_breaks_a_limit_does_not_belong() -> None:
    front = candidates([0.9], [2.0], half=0.1, limit=3.0)
    others = candidates([0.99, 0.99], [3.5, 3.2], half=0.1, limit=3.0)
    assert may_belong(front, others).tolist() == [False, True]


def test_what_a_round_adds_is_the_share_that_nothing_before_it_dominated() -> None:
    before, after = verified((0.9, 2.0)), verified((0.9, 2.0), (0.8, 1.0))
    # Scaled: (0, 1) before and (1, 0) as well now, of the square of 1.1: 0.11 + 0.11 - 0.01.
    assert added_share(before, after) == pytest.approx(0.1 / 0.21)
    assert added_share(verified(), after) == 1.0
    assert added_share(after, after) == 0.0
    assert added_share(before, verified((0.9, 2.0), (0.8, 3.0))) == 0.0
    assert added_share(verified(), verified((0.9, 2.0))) == 1.0


COSTS = ("latency_ms", "energy_mj", "peak_memory_bytes", "num_params")


def traded_off(num_candidates: int, num_objectives: int, seed: int = 0) -> Candidates:
    """Candidates none of which dominates another: the logarithms of their objectives add up to the same."""
    exponents = np.random.default_rng(seed).dirichlet(np.ones(num_objectives), num_candidates)
    values = np.exp(2.0 * exponents)
    names = COSTS[: num_objectives - 1]

    def column(number: int) -> Callable[[IntArray], FloatArray]:
        return lambda archs: values[archs[:, 0], number]

    predict = Predictors(
        {
            "accuracy": lambda archs: 1.0 - 0.1 * values[archs[:, 0], 0],
            **{name: column(number) for number, name in enumerate(names, 1)},
        }
    )
    return predict(np.arange(num_candidates, dtype=np.int64)[:, np.newaxis])


def added(found: Candidates, base: FloatArray, position: int) -> float:
    """Exact hypervolume that a candidate adds, each objective scaled to the range of all."""
    values = found.minimised()
    together = np.vstack([values, base])
    low, span = together.min(axis=0), np.ptp(together, axis=0)
    before, corner = (base - low) / span, np.full(values.shape[1], 1.1)
    after = np.vstack([before, (values[position] - low) / span])
    return hypervolume(after, corner) - hypervolume(before, corner)


@pytest.mark.parametrize("num_objectives", [2, 3])
def test_the_best_are_found_one_after_the_other_without_working_all_out_each_time(
    num_objectives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, base = traded_off(60, num_objectives), traded_off(5, num_objectives, seed=1).minimised()
    expected: list[int] = []
    for _ in range(10):
        held = np.vstack([base, found.minimised()[expected]])
        gains = [-1.0 if n in expected else added(found, held, n) for n in range(60)]
        expected.append(int(np.argmax(gains)))
    volumes = 0

    def counting(points: FloatArray, corner: FloatArray) -> float:
        nonlocal volumes
        volumes += 1
        return hypervolume(points, corner)

    monkeypatch.setattr(shortlist, "hypervolume", counting)
    positions, reaching = next_shortlist(found, base, seen(), quota=10)
    assert (positions.tolist(), reaching) == (expected, 60)
    # Each once, then a few for each pick; all of them each time are 600.
    assert volumes < 250


@pytest.mark.parametrize("num_objectives", [4, 5])
def test_many_objectives_are_counted_on_samples_and_come_near_the_exact_choice(num_objectives: int) -> None:
    found, base = traded_off(40, num_objectives), traded_off(6, num_objectives, seed=1).minimised()
    positions, _ = next_shortlist(found, base, seen(), quota=3)
    for pick in range(3):
        held = np.vstack([base, found.minimised()[positions[:pick]]])
        best = max(added(found, held, n) for n in range(40))
        assert added(found, held, int(positions[pick])) > 0.9 * best
    again, _ = next_shortlist(found, base, seen(), quota=3)
    assert again.tolist() == positions.tolist()


def test_thousands_of_candidates_with_five_objectives_take_two_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exact volumes of so many take hours: what is counted here is comparisons with samples."""

    def refused(points: FloatArray, corner: FloatArray) -> float:
        raise AssertionError("no exact volume of five objectives")

    compared = 0

    def counting(points: FloatArray, values: FloatArray) -> IntArray:
        nonlocal compared
        compared += len(points) * len(values)
        return num_dominated(points, values)

    found, base = traded_off(2_000, 5), traded_off(40, 5, seed=1).minimised()
    monkeypatch.setattr(shortlist, "hypervolume", refused)
    monkeypatch.setattr(shortlist, "num_dominated", counting)
    positions, reaching = next_shortlist(found, base, seen(), quota=30)
    assert (len(set(positions.tolist())), reaching) == (30, 2_000)
    assert compared <= 2 * 2_000 * shortlist.NUM_SAMPLES
    assert 0.0 < added_share(base, np.vstack([base, found.minimised()[positions]])) < 1.0


def test_what_a_round_adds_in_four_objectives_is_nearly_exact() -> None:
    before, more = (traded_off(8, 4, seed=seed).minimised() for seed in (0, 1))
    after = np.vstack([before, more])
    low, span = after.min(axis=0), np.ptp(after, axis=0)
    part, whole = (hypervolume((one - low) / span, np.full(4, 1.1)) for one in (before, after))
    assert added_share(before, after) == pytest.approx(1.0 - part / whole, abs=0.02)
    assert added_share(after, after) == 0.0
    assert added_share(verified_nothing(4), after) == 1.0


def verified_nothing(num_objectives: int) -> FloatArray:
    return np.empty((0, num_objectives))


def test_a_front_of_thousands_is_thinned_in_steps_and_its_ends_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    front, steps = traded_off(6_000, 2), 0

    def counting(values: FloatArray) -> FloatArray:
        nonlocal steps
        steps += 1
        return crowding_distance(values)

    monkeypatch.setattr(shortlist, "crowding_distance", counting)
    kept = first_shortlist(front, 12)
    accuracy = front.column("accuracy")
    assert len(kept) == 12
    assert {int(accuracy.argmin()), int(accuracy.argmax())} <= set(kept.tolist())
    assert steps < 1_100


def test_where_nothing_keeps_the_limits_there_is_nothing_next() -> None:
    found = candidates([0.6, 0.9], [1.0, 3.0], limit=0.5)
    positions, reaching = next_shortlist(found, verified(), seen(), quota=5)
    assert (positions.tolist(), reaching) == ([], 0)
