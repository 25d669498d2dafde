"""Which points of a front are delivered, and why: few, different, each with a reason in words."""

from collections.abc import Sequence

import numpy as np

from nas.results import VerifiedNetwork


def choose(front: Sequence[VerifiedNetwork], points: int) -> list[tuple[VerifiedNetwork, str]]:
    """Return up to `points` networks of a front with the reason for each, best accuracy first.

    Args:
        front: Published networks.
        points: How many to choose; all where the front has no more.
    """
    if not front:
        return []
    ordered = sorted(front, key=lambda network: network.latency.value_ms)
    best = max(ordered, key=lambda network: network.accuracy.value)
    wishes = [
        (best, "the best accuracy of the front"),
        (_fastest_tied(ordered, best), "the fastest whose accuracy cannot be told from the best"),
        (_knee(ordered), "the knee: beyond it accuracy costs most latency"),
        (ordered[0], "the fastest of the front"),
        *((network, "a step between the others") for network in _spread(ordered, points)),
    ]
    # With few points the ends and the knee say most about a front.
    if points == 2:
        wishes = [wishes[0], wishes[3]]
    if points == 3:
        wishes = [wishes[0], wishes[2], wishes[3], *wishes[1:2], *wishes[4:]]
    chosen: dict[str, tuple[VerifiedNetwork, str]] = {}
    for network, why in wishes:
        if len(chosen) < points:
            chosen.setdefault(network.name, (network, why))
    return list(chosen.values())


def _fastest_tied(ordered: Sequence[VerifiedNetwork], best: VerifiedNetwork) -> VerifiedNetwork:
    return next(network for network in ordered if network is best or best.name in network.tied_with)


def _knee(ordered: Sequence[VerifiedNetwork]) -> VerifiedNetwork:
    """Return the point farthest from the line between the ends (log latency and accuracy, both scaled)."""
    latency = np.log([network.latency.value_ms for network in ordered])
    accuracy = np.array([network.accuracy.value for network in ordered])
    x = (latency - latency.min()) / (np.ptp(latency) or 1.0)
    y = (accuracy - accuracy.min()) / (np.ptp(accuracy) or 1.0)
    return ordered[int(np.argmax(y - x))]


def _spread(ordered: Sequence[VerifiedNetwork], points: int) -> list[VerifiedNetwork]:
    """Return networks evenly along the front, then all others."""
    rows = np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(int)
    return [*(ordered[row] for row in rows), *ordered]
