"""What is verified next."""

from typing import NamedTuple

import numpy as np
import pytest

from nas.candidates import Candidates, Predictors
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
