"""Which points of a front are delivered, and why: few, different, each with a reason in words."""

from collections.abc import Sequence

import numpy as np

from nas.results import VerifiedNetwork

Reasoned = tuple[VerifiedNetwork, str]
"""A network and why it was chosen, in words."""


def roles(front: Sequence[VerifiedNetwork]) -> list[Reasoned]:
    """Return the points of a front that stand out, each with its role: one network may have several."""
    if not front:
        return []
    ordered = sorted(front, key=lambda network: network.latency.value_ms)
    best = max(ordered, key=lambda network: network.accuracy.value)
    return [
        (best, "the best accuracy of the front"),
        (_fastest_tied(ordered, best), "the fastest whose accuracy cannot be told from the best"),
        (knee(ordered), "the knee: beyond it accuracy costs most latency"),
        (ordered[0], "the fastest of the front"),
    ]


def choose(front: Sequence[VerifiedNetwork], points: int) -> list[Reasoned]:
    """Return up to `points` networks of a front with the reason for each, best accuracy first.

    Args:
        front: Published networks.
        points: How many to choose; all where the front has no more.
    """
    if not front:
        return []
    ordered = sorted(front, key=lambda network: network.latency.value_ms)
    best, tied, bend, fastest = roles(front)
    # With few points the ends and the knee say most about a front.
    first = {2: [best, fastest], 3: [best, bend, fastest, tied]}.get(points, [best, tied, bend, fastest])
    between = [(network, "a step between the others") for network in _spread(ordered, points)]
    chosen: dict[str, Reasoned] = {}
    for network, why in (*first, *between):
        if len(chosen) < points:
            chosen.setdefault(network.name, (network, why))
    return list(chosen.values())


def _fastest_tied(ordered: Sequence[VerifiedNetwork], best: VerifiedNetwork) -> VerifiedNetwork:
    return next(network for network in ordered if network is best or best.name in network.tied_with)


def knee(ordered: Sequence[VerifiedNetwork]) -> VerifiedNetwork:
    """Return the point farthest from the line between the ends (log latency and accuracy, both scaled).

    Args:
        ordered: At least one, by latency.
    """
    latency = np.log([network.latency.value_ms for network in ordered])
    accuracy = np.array([network.accuracy.value for network in ordered])
    x = (latency - latency.min()) / (np.ptp(latency) or 1.0)
    y = (accuracy - accuracy.min()) / (np.ptp(accuracy) or 1.0)
    return ordered[int(np.argmax(y - x))]


def _spread(ordered: Sequence[VerifiedNetwork], points: int) -> list[VerifiedNetwork]:
    """Return networks evenly along the front, then all others."""
    rows = np.linspace(0, len(ordered) - 1, min(points, len(ordered))).round().astype(int)
    return [*(ordered[row] for row in rows), *ordered]


def tie_groups(front: Sequence[VerifiedNetwork]) -> tuple[tuple[VerifiedNetwork, ...], ...]:
    """Return a front in groups whose accuracies cannot be told from that of their best.

    Being tied is not transitive, so a group is made around its best network: the most accurate one first,
    with all that are tied with it; then the most accurate of the others, and so on.

    Args:
        front: Published networks.

    Returns:
        The group of the most accurate first; each by latency.
    """
    left = sorted(front, key=lambda one: (-one.accuracy.value, one.latency.value_ms))
    groups = []
    while left:
        best = left[0]
        group = [one for one in left if one is best or best.name in one.tied_with]
        left = [one for one in left if one not in group]
        groups.append(tuple(sorted(group, key=lambda one: one.latency.value_ms)))
    return tuple(groups)
