import time

import pytest

from api.agents import check_clock
from latency_predictors.agent_protocol import MAX_CLOCK_SKEW_S
from search_spaces.errors import UsageError


def test_a_clock_that_is_about_right_is_right_enough() -> None:
    for ahead_s in (0.0, MAX_CLOCK_SKEW_S - 5, 5 - MAX_CLOCK_SKEW_S):
        check_clock(time.time() + ahead_s)


@pytest.mark.parametrize(("ahead_s", "which"), [(7200.0, "ahead"), (-7200.0, "behind")])
def test_a_clock_hours_off_is_told_which_way(ahead_s: float, which: str) -> None:
    with pytest.raises(UsageError, match=f"s {which}") as caught:
        check_clock(time.time() + ahead_s)
    assert caught.value.code == "clock_wrong"
