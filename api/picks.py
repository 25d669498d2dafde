"""Points of a front by name: the best under a budget, the knee, the ends; and what a larger budget buys."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from api.selection import most_accurate
from nas.choosing import roles
from nas.publication import held_value, within_limits
from nas.report.words import accuracy_text, cost_text
from nas.results import TargetResult, VerifiedNetwork


@dataclass(frozen=True)
class Pick:
    """A network and why it is worth a look."""

    network: VerifiedNetwork
    why: str


@dataclass(frozen=True)
class Gain:
    """What a larger budget buys.

    Attributes:
        network: The most accurate within the larger budget; None where nothing keeps even that.
        points: Of accuracy more than within the budget, in percent; 0 where it is the same network.
        tied: Whether the two accuracies cannot be told apart.
        text: The same in words.
    """

    network: VerifiedNetwork | None
    points: float
    tied: bool
    text: str


def named_picks(target: TargetResult) -> tuple[Pick, ...]:
    """Return the points of a front that have a role, each once with all roles, the most accurate first."""
    told: dict[str, list[str]] = {}
    networks = {}
    for network, why in roles(target.front):
        told.setdefault(network.name, []).append(why)
        networks[network.name] = network
    return tuple(Pick(networks[name], "; ".join(whys)) for name, whys in told.items())


def best_within(target: TargetResult, limits: Mapping[str, float]) -> VerifiedNetwork | None:
    """Return the most accurate network that can be delivered and keeps limits; None where none does.

    Args:
        target: Of a search; its own limits hold too, unless others are given on the same cost.
        limits: Upper limits by cost, as `nas.publication.keeps_limits` holds them.
    """
    return min((one for _, one in within_limits([target], limits)), key=most_accurate, default=None)


def gain(target: TargetResult, limits: Mapping[str, float], cost: str, extra: float) -> Gain:
    """Return what `extra` more of a cost buys beside limits.

    Args:
        target: Of a search.
        limits: The budgets; that of the cost is the largest of any network where it is not among them.
        cost: Which budget grows.
        extra: By how much, in the unit of the cost.
    """
    bound = budget_of(target, limits, cost)
    now = best_within(target, {**limits, cost: bound})
    then = best_within(target, {**limits, cost: bound + extra})
    more = f"{cost_text(cost, extra)} more"
    if then is None:
        return Gain(None, 0.0, False, f"{more} buys nothing: no network keeps these budgets")
    told = f"{then.name} with {accuracy_text(then.accuracy)} in {cost_text(cost, held_value(then, cost))}"
    if now is None:
        return Gain(then, 0.0, False, f"{more} buys the first network within the budgets: {told}")
    if now.name == then.name:
        return Gain(then, 0.0, False, f"{more} buys nothing: the best is {now.name} still")
    points, tied = 100.0 * (then.accuracy.value - now.accuracy.value), now.name in then.tied_with
    doubt = ", which these images cannot tell apart" if tied else ""
    return Gain(then, points, tied, f"{more} buys {points:.1f} points{doubt}: {told}")


def budget_of(target: TargetResult, limits: Mapping[str, float], cost: str) -> float:
    """Return the budget of a cost: as given, else the target's limit, else what the costliest network has."""
    own = {str(name): limit for name, limit in target.target.limits.items()}
    most = max((held_value(network, cost) for network in target.networks), default=1.0)
    return limits.get(cost, own.get(cost, most))


def round_step(value: float) -> float:
    """Return the round number (1, 2 or 5 times a power of ten) that is not above a positive value."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(step for step in (power, 2 * power, 5 * power) if step <= value * (1 + 1e-9))


def usual_extra(target: TargetResult, cost: str) -> float:
    """Return a budget worth asking for: about a tenth of the span of what was verified, a round number."""
    values = [held_value(network, cost) for network in target.networks]
    span = max(values, default=1.0) - min(values, default=0.0)
    return round_step(span / 10 or 1.0)
