"""How long steps of a search last: seconds counted on a small machine with two cores."""

from typing import Final

from latency_predictors.latency_metric import LatencyMetric
from latency_predictors.measure import NETWORK_PROTOCOL, TimingProtocol
from nas.pipeline.amounts import NUM_SESSIONS

LAYER_S: Final = 0.09
"""One layer in one session, its share of the anchors included."""

NETWORK_S: Final = 0.18
"""One network in one session, likewise; slow ones take longer (see `seconds_of`)."""

SESSION_S: Final = 1.5
"""A session beside what it measures: its process, the gate, the anchors at its ends."""

EXPORT_S: Final = 0.1
"""Extracting, writing and checking one network."""

QUANTISE_S: Final = 0.5
"""Making an int8 file of it and scoring both."""

ENERGY_S: Final = 6.0
"""A meter at one network in one session: five windows of a second, and some more."""

PACED_SHARE: Final = 1.3
"""Time of a session over that of its networks alone, where pauses make up most: its anchors are paced too."""

RAY_S: Final = 3.0
"""Until the processes that phases share have started."""

TRAINING_S: Final = 3.5
"""Until one that trains has started, and opened the images, which are decoded already."""

CHECKPOINT_S: Final = 0.15
"""Keeping the checkpoint of an epoch."""

DELIVERED_S: Final = 0.1
"""Writing what is handed out with one network, which is scored on the test images."""

SEARCH_S_PER_EVALUATION: Final = 6e-5

ROUNDS_SHARE: Final = 0.75
"""Of the rounds of verification, what is counted on: one that adds little is the last, after two or all three
of three, and what is planned is as far from either."""

SCORING_SHARE: Final = 0.6
"""Of the time that one process takes to score, what two take: 0.5 on two cores, 0.78 on one's threads."""

BESIDE_SHARE: Final = 1.3
"""Of the time of a training alone, what it takes beside others."""


def num_verified(candidates: int) -> float:
    """Return how many networks a search verifies of those that it may: the more it may, the fewer promise."""
    return min(candidates, 4 + 0.5 * candidates)


def share_of_time(num_trainings: int, room: int) -> float:
    """Return what equal trainings take side by side, of their time one after the other.

    Args:
        num_trainings: That a phase asks for.
        room: Of them at a time.
    """
    if min(num_trainings, room) < 2:
        return 1.0
    full, left = divmod(num_trainings, room)
    return (full * BESIDE_SHARE + (BESIDE_SHARE if left > 1 else left)) / num_trainings


def session_s(num_layers: int, num_networks: int, network_s: float) -> float:
    """Return the seconds of one session each of layers and of networks, as far as there are any to measure.

    Args:
        num_layers: To measure.
        num_networks: Likewise.
        network_s: Of one network in one session.
    """
    sessions = (num_layers > 0) + (num_networks > 0)
    return num_layers * LAYER_S + num_networks * network_s + sessions * SESSION_S


def seconds_of(metric: LatencyMetric, network_ms: float = 0.0) -> float:
    """Return the seconds that a network takes in one session, its share of the anchors included.

    Args:
        metric: How it is measured.
        network_ms: Its latency; 0 where nothing is known of it, and it counts as a fast one.
    """
    timing = metric.timing
    paced_s = PACED_SHARE * (timing.warm_up_runs + timing.min_blocks) * metric.pause_ms / 1000
    longer_s = max(timing.min_duration_s - NETWORK_PROTOCOL.min_duration_s, 0.0)
    return max(NETWORK_S + longer_s + paced_s, _fewest_runs_s(timing, (network_ms + metric.pause_ms) / 1000))


def _fewest_runs_s(timing: TimingProtocol, run_s: float) -> float:
    """Return the seconds of as few runs as a protocol is content with, those that warm up included."""
    ceiling_s = max(timing.ceiling_s, timing.fewest_blocks * run_s)
    return timing.warm_up_runs * run_s + min(timing.min_blocks * run_s, ceiling_s)


def measuring_s(num_layers: int, num_networks: int, metric: LatencyMetric, network_ms: float = 0.0) -> float:
    """Return the seconds of all sessions that values need.

    Args:
        num_layers: That nothing is known of yet.
        num_networks: Likewise.
        metric: How networks are measured.
        network_ms: What they take, as in `seconds_of`.
    """
    return NUM_SESSIONS * session_s(num_layers, num_networks, seconds_of(metric, network_ms))
