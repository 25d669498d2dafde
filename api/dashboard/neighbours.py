"""The points of a front next to a network, and what changed against them."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.report.architecture import active_options
from nas.results import VerifiedNetwork
from search_spaces.base import SearchSpace


@dataclass(frozen=True)
class Change:
    """One choice in which two networks differ; empty where it changes nothing in one of them."""

    choice: str
    here: str
    there: str


@dataclass(frozen=True)
class Neighbour:
    """A point of the front beside a network.

    Attributes:
        side: `faster` or `slower` than the network.
        points: Of accuracy more than the network has, in percent.
        tied: Whether the two accuracies cannot be told apart.
        latency_ms: More than the network takes.
        latency_share: The same as a share.
    """

    network: VerifiedNetwork
    side: str
    points: float
    tied: bool
    latency_ms: float
    latency_share: float
    changes: tuple[Change, ...]


def neighbours(
    front: Sequence[VerifiedNetwork], one: VerifiedNetwork, space: SearchSpace | None
) -> tuple[Neighbour, ...]:
    """Return the next faster and the next slower point of a front, where there are such.

    Args:
        front: By latency.
        one: A network of the same target, on the front or not.
        space: Tells which choices are active.
    """
    others = [other for other in front if other.name != one.name]
    faster = [other for other in others if other.latency.value_ms <= one.latency.value_ms]
    slower = [other for other in others if other.latency.value_ms > one.latency.value_ms]
    near = [(side, near) for side, near in (("faster", faster[-1:]), ("slower", slower[:1])) if near]
    return tuple(_neighbour(one, found[0], side, space) for side, found in near)


def _neighbour(
    one: VerifiedNetwork, other: VerifiedNetwork, side: str, space: SearchSpace | None
) -> Neighbour:
    more_ms = other.latency.value_ms - one.latency.value_ms
    return Neighbour(
        network=other,
        side=side,
        points=100.0 * (other.accuracy.value - one.accuracy.value),
        tied=one.name in other.tied_with,
        latency_ms=more_ms,
        latency_share=more_ms / one.latency.value_ms,
        changes=changes(one, other, space),
    )


def changes(one: VerifiedNetwork, other: VerifiedNetwork, space: SearchSpace | None) -> tuple[Change, ...]:
    """Return the choices in which two networks differ, without those that change nothing in either.

    A stock network was not built from choices: there is nothing to compare.
    """
    if "reference" in (one.origin, other.origin):
        return ()
    here, there = (active_options(network.architecture, space) for network in (one, other))
    names = dict.fromkeys([*here, *there])
    return tuple(
        Change(name, str(here.get(name, "")), str(there.get(name, "")))
        for name in names
        if here.get(name) != there.get(name)
    )
