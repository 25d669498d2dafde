"""Verified networks by the identifier that they have outside: `JOB.NAME`, and by their target.

A name is that of an architecture. Several targets of a search may have verified the same one, in another
precision or on another device: then each has a file and figures of its own.
"""

from dataclasses import dataclass

from nas.asked_targets import Asked, meant_targets
from nas.job_records import Job
from nas.jobs import JobKind
from nas.network_specs import MADE, MadeNetwork
from nas.results import SearchResult, TargetResult, VerifiedNetwork
from nas.store.job_run import StoredJob
from nas.store.stores import Stores
from nas.task_events import TensorFiles
from search_spaces.errors import UsageError


@dataclass(frozen=True)
class Subnet:
    """A verified network and where it comes from.

    Attributes:
        id: `JOB.NAME`.
        job: That verified it: the search, or the job that has trained it on.
        search: What the search has left.
        result: Of the search.
        target: Where it was measured.
        number: Index of that target in the search.
        weights: Of its own; None where they are those of the search.
    """

    id: str
    job: Job
    search: StoredJob
    result: SearchResult
    target: TargetResult
    number: int
    network: VerifiedNetwork
    weights: TensorFiles | None = None


def subnet_id(job_id: str, name: str) -> str:
    """Return the identifier of a network."""
    return f"{job_id}.{name}"


def find_subnet(stores: Stores, tenant: str, name: str, target: Asked = None) -> Subnet:
    """Return a network by its identifier.

    Args:
        stores: Where it is.
        tenant: Whose it is.
        name: `JOB.NAME`.
        target: As which target of the search has verified it: the first of those that are asked for.

    Raises:
        UsageError: `unknown_subnet`, `unknown_target` or `search_not_finished`.
        ArtifactError: `damaged_file`.
    """
    job_id, _, network_name = name.rpartition(".")
    try:
        job = stores.jobs.get(tenant, job_id)
    except UsageError as error:
        raise _unknown(name) from error
    if job.kind is JobKind.FINETUNE:
        return _tuned(stores, job, name, target)
    if job.kind is not JobKind.SEARCH:
        raise _unknown(name)
    search = stores.stored(job)
    result = search.result()
    meant = meant_targets(result.id, result.targets, target)
    found = next((one for at in meant if (one := network_of(result, network_name, at))), None)
    if found is None:
        raise _unknown(name, target)
    number, network = found
    return Subnet(name, job, search, result, result.targets[number], number, network)


def network_of(
    result: SearchResult, name: str, number: int | None = None
) -> tuple[int, VerifiedNetwork] | None:
    """Return a verified network of a search by name with the index of its target, None where it has none.

    Args:
        result: Of the search.
        name: Of the network.
        number: Index of the target; None for the first that has it.
    """
    numbers = range(len(result.targets)) if number is None else (number,)
    searched = [(at, network) for at in numbers for network in result.targets[at].networks]
    stock = [(at, network) for at in numbers for network in result.references_at(at)]
    return next((found for found in (*searched, *stock) if found[1].name == name), None)


def _tuned(stores: Stores, job: Job, name: str, target: Asked) -> Subnet:
    stored = stores.stored(job)
    if not stored.has(MADE):
        raise UsageError(
            "search_not_finished", f"job {job.id} is {job.state}: its network is there once it has succeeded"
        )
    made = stored.load(MADE, MadeNetwork)
    meant = target in (None, made.number + 1, made.target.device_name)
    if made.network.name != name.rpartition(".")[2] or not meant:
        raise _unknown(name, target)
    search = stores.stored(stores.jobs.get(job.tenant, made.search))
    result = search.result()
    weights = TensorFiles(made.tensors, made.manifest)
    return Subnet(name, job, search, result, made.target, made.number, made.network, weights)


def _unknown(name: str, target: Asked = None) -> UsageError:
    there = "" if target is None else f" for target {target}"
    return UsageError(
        "unknown_subnet", f"there is no subnet '{name}'{there}: the front of a search names its own"
    )
