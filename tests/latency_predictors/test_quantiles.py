from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latency_predictors.quantiles import median_interval, quantile_interval


@given(st.lists(st.floats(0.1, 100.0), min_size=1, max_size=60))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    low, median, high = median_interval(np.array(values))
    assert min(values) <= low <= median <= high <= max(values)
    assert median == pytest.approx(np.median(values), rel=1e-12)


def covered(
    draw: Callable[[], "np.ndarray[tuple[int], np.dtype[np.float64]]"], truth: float, times: int
) -> float:
    hits = 0
    for _ in range(times):
        low, _, high = median_interval(draw())
        hits += low <= truth <= high
    return hits / times


def test_the_interval_covers_the_true_median_of_skewed_noise() -> None:
    rng = np.random.default_rng(1)
    share = covered(lambda: rng.lognormal(0.0, 0.5, 40), truth=1.0, times=1000)
    assert 0.94 <= share <= 0.99


def test_the_interval_of_a_quantile_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.exponential(size=(2000, 400))
    truth = -np.log(0.05)
    ends = np.array([quantile_interval(values, 0.95) for values in drawn])
    assert 0.93 < float(np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 2]))) < 0.985
