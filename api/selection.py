"""Which network of past searches is meant."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from latency_predictors.latency_metric import PLAIN
from nas.asked_targets import Asked, compared_targets
from nas.objectives import OBJECTIVES
from nas.publication import Verified, deliverable, held_limits, held_value, is_known, within_limits
from nas.report import words
from nas.report.words import cost_text
from nas.results import SearchResult, VerifiedNetwork
from nas.settings import Settings
from nas.store.job_run import StoredJob
from nas.store.network_names import network_by_name
from nas.store.searches import find_search
from nas.store.stores import opened_stores
from nas.store.subnets import Subnet, subnet_id
from search_spaces.errors import InfeasibleError, UsageError

Rule = Literal["best", "fastest"]
COSTS: Final = tuple(name for name, objective in OBJECTIVES.items() if not objective.maximise)
BY_NAME: Final = "asked for by name"
_LIMIT = re.compile(r"([a-z_]+)(?:<=|=)(.+)")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class Selected:
    """A network and where it is from.

    Attributes:
        target: Index of the target in the result, from 0.
        why: In words.
        subnet: `JOB.NETWORK`; the job is another than the search's where it has trained the network on.
    """

    job: StoredJob
    result: SearchResult
    network: VerifiedNetwork
    target: int
    why: str
    subnet: str


@dataclass(frozen=True)
class Chosen:
    """A network out of what was verified for the targets of a search.

    Attributes:
        position: Of its target among them, from 0.
        why: In words.
    """

    network: VerifiedNetwork
    position: int
    why: str


def parse_limits(texts: Sequence[str]) -> dict[str, float]:
    """Read limits such as `latency_ms=0.5`.

    Raises:
        UsageError: `invalid_limit`, telling how a limit is written.
    """
    limits = {}
    for text in texts:
        match = _LIMIT.fullmatch(text)
        try:
            name, value = (match[1], float(match[2])) if match else ("", 0.0)
        except ValueError:
            name, value = "", 0.0
        if name not in COSTS or not 0.0 < value < float("inf"):
            raise UsageError(
                "invalid_limit",
                f"'{text}' is no limit: write NAME=VALUE with a positive number, for example latency_ms=0.5; "
                f"names are {', '.join(COSTS)}",
            )
        limits[name] = value
    return limits


def parse_target(text: str | None) -> Asked:
    """Read which targets are meant: a number, counted from 1, or else the name of a device.

    Devices may be called by a number: then it is that of a target all the same.
    """
    return int(text) if text is not None and _NUMBER.fullmatch(text) else text


def select_by_rule(
    settings: Settings, search: str, rule: Rule, limits: Mapping[str, float], target: Asked
) -> Selected:
    """Return the most accurate or the fastest verified network of a search that keeps limits.

    Raises:
        UsageError: `unknown_search`, `ambiguous_search` or `search_not_finished`; or as `by_rule`.
        InfeasibleError: `no_network_within_limits`, naming the nearest.
    """
    with opened_stores(settings) as stores:
        job = stores.stored(find_search(stores, settings.tenant, search))
        result = job.result()
    chosen = by_rule(job.id, result.targets, target, rule, limits)
    named = subnet_id(job.id, chosen.network.name)
    return Selected(job, result, chosen.network, chosen.position, chosen.why, named)


def by_rule(
    search: str, targets: Sequence[Verified], asked: Asked, rule: Rule, limits: Mapping[str, float]
) -> Chosen:
    """Return the most accurate or the fastest network that keeps limits, of what was verified for targets.

    All targets of a device are looked at together: it may be faster in another context. Every verified
    network is considered, also what another one dominates on the search's own objectives: a limit on
    something else may leave nothing but those. What its device has refused is not verified there.

    Args:
        search: Identifier.
        targets: All of that search.
        asked: Which of them.
        rule: By what networks are ranked.
        limits: Beside those of the targets.

    Raises:
        UsageError: `unknown_target`, or `ambiguous_target` where the targets cannot be compared.
        InfeasibleError: `no_network_within_limits`, naming the nearest.
    """
    meant = compared_targets(search, targets, asked)
    among = [targets[at] for at in meant]
    keeping = within_limits(among, limits)
    if not keeping:
        raise InfeasibleError("no_network_within_limits", nearest_within(among, limits))
    order = most_accurate if rule == "best" else _fastest
    number, best = min(keeping, key=lambda found: order(found[1]))
    where = among[number]
    what = "the most accurate" if rule == "best" else "the fastest"
    bounds = ", ".join(f"{name} of at most {limit:g}" for name, limit in held_limits(where, limits).items())
    why = f"{what} of {len(keeping)} verified networks" + (f" with {bounds}" if bounds else "")
    if len(among) > 1:
        why += f", of all {len(among)} targets of {where.device_name}: {words.where_sentence(where)}"
    elif where.metric != PLAIN:
        why += f"; latency is the {where.metric.label}"
    return Chosen(best, meant[number], why)


def select_by_name(
    settings: Settings, name: str, search: str | None = None, target: Asked = None
) -> Selected:
    """Return the verified network or stock network of that name.

    Args:
        settings: Where searches are.
        name: Of the network; the start of it is enough where that is unique.
        search: Which search, None for all of them.
        target: Which target of the search: of those that are asked for, the first that has the network.

    Raises:
        UsageError: `unknown_network` or `ambiguous_network`, naming what exists; `unknown_target` where the
            search that is named has no such target; or as `find_search` does.
    """
    with opened_stores(settings) as stores:
        return of_subnet(network_by_name(stores, settings.tenant, name, search, target))


def of_subnet(found: Subnet) -> Selected:
    """Return a network that was asked for by name."""
    return Selected(found.search, found.result, found.network, found.number, BY_NAME, found.id)


def most_accurate(network: VerifiedNetwork) -> tuple[float, float]:
    """Return what the most accurate network is the least of, the faster of two that are equal."""
    return (-network.accuracy.value, network.latency.value_ms)


def _fastest(network: VerifiedNetwork) -> tuple[float, float]:
    return (network.latency.value_ms, -network.accuracy.value)


def nearest_within(targets: Sequence[Verified], asked: Mapping[str, float]) -> str:
    """Return in words which limit nothing keeps, and what is nearest to it.

    Args:
        targets: Of one search and one meaning of latency, none of whose networks keeps the limits.
        asked: Limits beside those of the targets.
    """
    networks = [network for target in targets for network in deliverable(target)]
    refused = sum(len(target.networks) for target in targets)
    if refused and not networks:
        return (
            f"the device has refused all {refused} verified networks, because it finds another accuracy than "
            "the host does: search again in another precision or runtime, or ask for one of them by its name"
        )
    # Without a limit in the question, those that the only or the first target has.
    limits = held_limits(targets[0], asked)
    for name, limit in limits.items():
        if networks and not any(is_known(network, name) for network in networks):
            return f"{name} is not known of any verified network: search again with it in the specification"
        if networks and all(held_value(network, name) > limit for network in networks):
            nearest = min(networks, key=lambda network: held_value(network, name))
            return (
                f"no verified network keeps {words.held_name(targets[0], name, name)} <= {limit:g}: "
                f"the nearest, {nearest.name}, has {cost_text(name, held_value(nearest, name))}"
                f"{' (upper end of its interval)' if name in ('latency_ms', 'energy_mj') else ''}; "
                "raise the limit, or search again with it in the specification"
            )
    asked_for = ", ".join(
        f"{words.held_name(targets[0], name, name)} <= {limit:g}" for name, limit in limits.items()
    )
    told = f"no verified network keeps all of {asked_for}"
    if not networks:
        return f"{told}: none was verified; search again with other limits"
    nearest = min(networks, key=lambda network: _overrun(network, limits))
    broken = [name for name, limit in limits.items() if held_value(nearest, name) > limit]
    has = ", ".join(f"{name} of {cost_text(name, held_value(nearest, name))}" for name in broken)
    return (
        f"{told}: the nearest, {nearest.name}, has {has}; raise that limit, or search again with them in the "
        "specification"
    )


def _overrun(network: VerifiedNetwork, limits: Mapping[str, float]) -> float:
    """Return how many times the limit that it breaks most a network has."""
    return max(held_value(network, name) / limit for name, limit in limits.items())
