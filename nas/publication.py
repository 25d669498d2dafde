"""Which verified networks are published, and how sure their figures are.

The published front is non-dominated in what was *measured*; predictions play no part in it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from nas.asked_targets import Target
from nas.objectives import OBJECTIVES, get_objective, minimised
from nas.pareto import non_dominated
from nas.results import Accuracy, Figure, Status, VerifiedNetwork

TIE_LEVEL: Final = 0.05
"""Two accuracies are tied where the paired test's p-value is above this."""

_ORDER: Final[Mapping[Status, int]] = {"front": 0, "dominated": 1, "over_limit": 2, "unverified": 3}

BoolArray = NDArray[np.bool_]


class Verified(Target, Protocol):
    """What was verified for one target of a search, wherever that is told: here, or by a service."""

    @property
    def networks(self) -> Sequence[VerifiedNetwork]:
        """Everything that was."""

    @property
    def limits(self) -> Mapping[str, float]:
        """Upper limits of the target, by cost."""

    @property
    def device_label(self) -> str:
        """What it was measured on."""

    @property
    def context_label(self) -> str:
        """How it ran there."""


def accuracy_of(correct: BoolArray, part: str) -> Accuracy:
    """Return the share of correct answers with its 95 % interval (Wilson 1927).

    Args:
        correct: For each image, shape (n,), n >= 1.
        part: Which images they are.
    """
    count, total = int(correct.sum()), len(correct)
    lower, upper = wilson(count, total)
    return Accuracy.model_validate(
        {"value": count / total, "lower": lower, "upper": upper, "num_images": total, "part": part}
    )


def wilson(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    Args:
        count: Of these.
        total: In all, at least 1.
    """
    interval = scipy.stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def tied(first: BoolArray, second: BoolArray) -> bool:
    """Return whether two networks' accuracies on the same images cannot be told apart (McNemar's exact test).

    Args:
        first: Correct answers of one network, shape (n,).
        second: Correct answers of the other on the same images.
    """
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return True
    return float(scipy.stats.binomtest(only_first, only_first + only_second).pvalue) > TIE_LEVEL


def measured_value(network: VerifiedNetwork, name: str) -> float:
    """Return what was measured (or, for shapes, worked out) of one objective.

    What is not known of a network is infinite: it keeps no limit, and nothing is worse.
    """
    values = {
        "accuracy": network.accuracy.value,
        "latency_ms": network.latency.value_ms,
        "energy_mj": math.inf if network.energy is None else network.energy.gross_mj,
        "peak_memory_bytes": float(network.peak_memory_bytes),
        "arena_bytes": math.inf if network.arena_bytes is None else float(network.arena_bytes),
        "file_bytes": float(network.file_bytes),
        "num_params": float(network.num_params),
        "num_macs": float(network.num_macs),
    }
    return values[name]


def known_objectives(networks: Sequence[VerifiedNetwork]) -> tuple[str, ...]:
    """Return the objectives that are known of all networks, in the usual order."""
    return tuple(name for name in OBJECTIVES if all(is_known(network, name) for network in networks))


def is_known(network: VerifiedNetwork, name: str) -> bool:
    """Return whether an objective was measured or worked out of a network."""
    return math.isfinite(measured_value(network, name))


def held_value(network: VerifiedNetwork, name: str) -> float:
    """Return what a limit is held against: of what was measured with an interval its upper end."""
    if name == "latency_ms":
        return network.latency.upper_ms
    if name == "energy_mj" and network.energy is not None:
        return network.energy.gross_upper_mj
    return measured_value(network, name)


def coverage(figures: Iterable[tuple[Figure | None, float]]) -> float | None:
    """Return the share of measured values that lie in their predicted intervals; None without any."""
    inside = [figure.lower <= value <= figure.upper for figure, value in figures if figure is not None]
    return sum(inside) / len(inside) if inside else None


def latency_coverage(networks: Sequence[VerifiedNetwork]) -> float | None:
    """Return the share of networks whose measured latency is in its predicted interval; None without any."""
    return coverage((network.predicted_latency, network.latency.value_ms) for network in networks)


def keeps_limits(network: VerifiedNetwork, limits: Mapping[str, float]) -> bool:
    """Return whether a network keeps every limit; of what was measured the upper bound has to."""
    return all(held_value(network, name) <= limit for name, limit in limits.items())


def deliverable(target: Verified) -> list[VerifiedNetwork]:
    """Return what was verified for a target, but for what its device finds another accuracy of."""
    return [network for network in target.networks if network.status != "unverified"]


def within_limits(
    targets: Sequence[Verified], limits: Mapping[str, float]
) -> list[tuple[int, VerifiedNetwork]]:
    """Return what can be delivered for any of several targets and keeps limits, with the target's position.

    One device may hold several targets, for example a runtime each: what keeps a limit on one of them answers
    what can be had under it. Each is held against its own target's limits too, by its own measurements.

    Args:
        targets: Of one search and one device, and of one meaning of latency.
        limits: Beside those of the targets; where both limit the same, these are what counts.
    """
    return [
        (number, network)
        for number, target in enumerate(targets)
        for network in deliverable(target)
        if keeps_limits(network, held_limits(target, limits))
    ]


def held_limits(target: Verified, limits: Mapping[str, float]) -> dict[str, float]:
    """Return a target's limits with others in the place of those on the same."""
    return {**target.limits, **limits}


def statuses(
    networks: Sequence[VerifiedNetwork], objectives: Sequence[str], limits: Mapping[str, float]
) -> list[Status]:
    """Return for each network whether it is on the front, dominated or over a limit."""
    if not networks:
        return []
    keeps = np.array([keeps_limits(network, limits) for network in networks], dtype=bool)
    values = np.array([[measured_value(network, name) for name in objectives] for network in networks])
    front = np.zeros(len(networks), dtype=bool)
    if keeps.any():
        turned = minimised(values[keeps], [get_objective(name) for name in objectives])
        front[keeps] = non_dominated(turned)
    return [
        "front" if on_front else "dominated" if kept else "over_limit"
        for on_front, kept in zip(front, keeps, strict=True)
    ]


def beside_front(
    target: Verified, others: Sequence[VerifiedNetwork], objectives: Sequence[str]
) -> tuple[VerifiedNetwork, ...]:
    """Return networks that were not searched for, each with the status that it would have on a front."""
    front = [network for network in target.networks if network.status == "front"]
    placed = statuses((*front, *others), objectives, target.limits)[len(front) :]
    return tuple(
        one.model_copy(update={"status": status}) for one, status in zip(others, placed, strict=True)
    )


def published(
    networks: Sequence[VerifiedNetwork],
    correct: Callable[[VerifiedNetwork], BoolArray],
    objectives: Sequence[str],
    limits: Mapping[str, float],
) -> list[VerifiedNetwork]:
    """Return the networks with their statuses and ties, in the order given.

    Args:
        networks: Everything that was verified for one target.
        correct: Gives the correct answers of a network on the images that accuracies are published of, shape
            (n,); asked only of what stands on the front.
        objectives: What is optimised.
        limits: Upper limits of costs.
    """
    placed = statuses(networks, objectives, limits)
    on_front = [one for one, status in zip(networks, placed, strict=True) if status == "front"]
    tied_with = ties({one.name: correct(one) for one in on_front})
    return [
        one.model_copy(update={"status": status, "tied_with": tied_with.get(one.name, ())})
        for one, status in zip(networks, placed, strict=True)
    ]


def front_first(networks: Sequence[VerifiedNetwork]) -> tuple[VerifiedNetwork, ...]:
    """Return networks in the order in which results show them: front first, by latency."""
    return tuple(sorted(networks, key=lambda one: (_ORDER[one.status], one.latency.value_ms)))


def ties(correct: Mapping[str, BoolArray]) -> dict[str, tuple[str, ...]]:
    """Return for each network the others that it is tied with.

    Args:
        correct: By name, the correct answers on the same images, shape (n,).
    """
    return {
        name: tuple(other for other in correct if other != name and tied(correct[name], correct[other]))
        for name in correct
    }
