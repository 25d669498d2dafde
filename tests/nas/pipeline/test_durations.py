"""How long steps last that several processors share, and how many networks a search verifies."""

import pytest

from nas.pipeline.durations import num_rounds, num_verified, share_of_time


@pytest.mark.parametrize(
    ("num_trainings", "room", "share"),
    [
        (0, 2, 1.0),
        (1, 8, 1.0),
        (4, 1, 1.0),
        (2, 2, 1.3 / 2),
        (3, 2, 2.3 / 3),
        (4, 2, 2.6 / 4),
        (4, 3, 2.3 / 4),
        (4, 8, 1.3 / 4),
    ],
)
def test_side_by_side_trainings_take_less(num_trainings: int, room: int, share: float) -> None:
    assert share_of_time(num_trainings, room) == pytest.approx(share)


def test_a_search_that_may_verify_many_verifies_a_smaller_share_of_them() -> None:
    shares = [num_verified(candidates) / candidates for candidates in (1, 8, 20, 40, 2_000)]
    assert shares[:2] == [1, 1]
    assert shares == sorted(shares, reverse=True)
    assert all(share >= 0.25 for share in shares)


def test_rounds_of_many_networks_are_fewer() -> None:
    assert 1 <= num_rounds(3, 40) < num_rounds(3, 12) < 3
