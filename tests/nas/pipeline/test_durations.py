"""How long steps last that several processors share."""

import pytest

from nas.pipeline.durations import share_of_time


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
