"""Which verified network is meant, by its name or the start of it, of one search or of all of them."""

from collections.abc import Iterable
from typing import TypeVar

from nas.asked_targets import Asked, meant_targets, positions
from nas.job_records import Job
from nas.jobs import JobKind
from nas.results import SearchResult
from nas.store.job_run import StoredJob
from nas.store.searches import all_searches, find_search
from nas.store.stores import Stores
from nas.store.subnets import Subnet, find_subnet, subnet_id
from search_spaces.errors import UsageError

Found = TypeVar("Found")


def named_subnet(stores: Stores, tenant: str, words: str, target: Asked = None) -> Subnet:
    """Return the network that a user means.

    Args:
        stores: Where it is.
        tenant: Whose it is.
        words: `SEARCH.NETWORK`, the search as `find_search` takes it; the network's name alone; or
            `JOB.NETWORK` of a job that has trained a network on. The start of a name is enough where that is
            unique.
        target: As which target of the search has verified it: the first of those that are asked for.

    Raises:
        UsageError: `unknown_subnet`, naming what exists; `ambiguous_search`, `ambiguous_network`,
            `unknown_target` or `search_not_finished`.
        ArtifactError: `damaged_file`.
    """
    search, _, name = words.rpartition(".")
    if not name or _has_trained_on(stores, tenant, search):
        return find_subnet(stores, tenant, words, target)
    try:
        return network_by_name(stores, tenant, name, search or None, target)
    except UsageError as error:
        raise no_subnet(words, error) from error


def no_subnet(words: str, error: UsageError) -> UsageError:
    """Return the error of a network that is not there, out of why it was not found; any other as it is."""
    if error.code not in ("unknown_search", "unknown_network"):
        return error
    return UsageError(
        "unknown_subnet",
        f"there is no subnet '{words}': {error.message}; write SEARCH.NETWORK, for example latest.net-3f9a1c",
    )


def network_by_name(
    stores: Stores, tenant: str, name: str, search: str | None = None, target: Asked = None
) -> Subnet:
    """Return the verified network or stock network of that name.

    Args:
        stores: Where searches are.
        tenant: Whose they are.
        name: Of the network; the start of it is enough where that is unique.
        search: Which search, None for all that have finished.
        target: Which target of the search: of those that are asked for, the first that has the network.

    Raises:
        UsageError: `unknown_network` or `ambiguous_network`, naming what exists; `unknown_target` where the
            search that is named has no such target; `search_not_finished`; or as `find_search` does.
    """
    jobs = [find_search(stores, tenant, search)] if search else all_searches(stores, tenant)
    stored = [(job, stores.stored(job)) for job in jobs]
    results = [(job, found, found.result()) for job, found in stored if found.finished or search]
    if search and target is not None:
        meant_targets(results[0][2].id, results[0][2].targets, target)
    known = [subnet for place in results for subnet in _subnets(*place, target)]
    where = f"search {search}" if search else "any finished search"
    there = "" if target is None else f" for target {target}"
    return by_name(((one.job.id, one.network.name, one) for one in known), name, where + there)


def by_name(known: Iterable[tuple[str, str, Found]], name: str, where: str) -> Found:
    """Return what is known of the network of that name; the start of it is enough where that is unique.

    Args:
        known: Search, network, and what is known of it; of the same network in several targets the first.
        name: Of the network.
        where: What was looked through, in words.

    Raises:
        UsageError: `unknown_network` or `ambiguous_network`, naming what exists.
    """
    places: dict[tuple[str, str], Found] = {}
    for search, network, found in known:
        places.setdefault((search, network), found)
    chosen = [place for place in places if place[1] == name]
    chosen = chosen or [place for place in places if place[1].startswith(name)]
    if not chosen:
        names = ", ".join(dict.fromkeys(network for _, network in list(places)[-12:])) or "none yet"
        raise UsageError("unknown_network", f"no network '{name}' in {where}; networks are {names}")
    if len(chosen) > 1:
        listed = ", ".join(subnet_id(*place) for place in chosen)
        raise UsageError("ambiguous_network", f"'{name}' may be any of {listed}: write one of these")
    return places[chosen[0]]


def _has_trained_on(stores: Stores, tenant: str, job_id: str) -> bool:
    try:
        return stores.jobs.get(tenant, job_id).kind is JobKind.FINETUNE
    except UsageError:
        return False


def _subnets(job: Job, stored: StoredJob, result: SearchResult, target: Asked) -> list[Subnet]:
    """Return the networks of a search, of the targets that are asked for; none where it has no such."""
    numbers = positions(result.targets, target)
    searched = [(at, network) for at in numbers for network in result.targets[at].networks]
    stock = [(at, network) for at in numbers for network in result.references_at(at)]
    return [
        Subnet(subnet_id(job.id, network.name), job, stored, result, result.targets[at], at, network)
        for at, network in [*searched, *stock]
    ]
