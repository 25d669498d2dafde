import math

import pytest

from latency_predictors.clock import check_clock
from search_spaces.errors import MeasurementError


@pytest.mark.parametrize("took_ns", [-1, 1_000_000_000, 10**12])
def test_what_was_not_measured_is_refused(took_ns: int) -> None:
    with pytest.raises(MeasurementError) as caught:
        check_clock(took_ns, 1e6)
    assert caught.value.code == "clock_jumped"


@pytest.mark.parametrize(("took_ns", "typical_ns"), [(0, 1e6), (99_000_000, 1e5), (10**11, math.inf)])
def test_what_may_have_been_measured_is_not(took_ns: int, typical_ns: float) -> None:
    check_clock(took_ns, typical_ns)
