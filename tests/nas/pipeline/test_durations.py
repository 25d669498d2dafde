"""How long measuring lasts and what several processors share, and how many networks a search verifies."""

import pytest

from latency_predictors.latency_metric import LatencyMetric
from nas.pipeline.durations import (
    NETWORK_S,
    measuring_s,
    num_verified,
    seconds_of,
    share_of_time,
)


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


def test_measuring_takes_the_sessions_of_layers_and_of_networks() -> None:
    plain = LatencyMetric()
    # Two sessions of each: 142 layers of 0.09 s and 24 networks of 0.18 s, 1.5 s around either.
    assert measuring_s(142, 24, plain) == pytest.approx(2 * (142 * 0.09 + 24 * 0.18 + 2 * 1.5))
    assert measuring_s(142, 0, plain) == pytest.approx(2 * (142 * 0.09 + 1.5))
    assert measuring_s(0, 0, plain) == 0
    assert measuring_s(0, 24, LatencyMetric(pause_ms=20.0)) > 2 * 24 * 60 * 0.02, "60 pauses a network"


@pytest.mark.parametrize(
    ("metric", "network_ms", "seconds"),
    [
        (LatencyMetric(), 1.0, NETWORK_S),
        (LatencyMetric(), 10.0, (10 + 30) * 0.01),
        # Ten runs to warm up, and as many as fill 0.6 s, at least five.
        (LatencyMetric(), 100.0, 1.0 + 0.6),
        (LatencyMetric(), 500.0, 5.0 + 2.5),
        (LatencyMetric("p95"), 5.0, (10 + 400) * 0.005),
        (LatencyMetric(pause_ms=20.0), 80.0, 1.0 + 0.6 + 2 * 60 * 0.02),
    ],
)
def test_slow_networks_take_the_fewest_runs_that_their_protocol_lets_count(
    metric: LatencyMetric, network_ms: float, seconds: float
) -> None:
    assert seconds_of(metric, network_ms) == pytest.approx(seconds)
    again = measuring_s(0, 48, metric, network_ms)
    assert again == pytest.approx(2 * (48 * seconds + 1.5))
