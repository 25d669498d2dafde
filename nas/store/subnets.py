"""Verified networks by the identifier that they have outside: `JOB.NAME`."""

from dataclasses import dataclass

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


def find_subnet(stores: Stores, tenant: str, name: str) -> Subnet:
    """Return a network by its identifier.

    Raises:
        UsageError: `unknown_subnet` or `search_not_finished`.
        ArtifactError: `damaged_file`.
    """
    job_id, _, network_name = name.rpartition(".")
    try:
        job = stores.jobs.get(tenant, job_id)
    except UsageError as error:
        raise _unknown(name) from error
    if job.kind is JobKind.FINETUNE:
        return _tuned(stores, job, name, network_name)
    if job.kind is not JobKind.SEARCH:
        raise _unknown(name)
    search = stores.stored(job)
    result = search.result()
    found = network_of(result, network_name)
    if found is None:
        raise _unknown(name)
    number, network = found
    return Subnet(name, job, search, result, result.targets[number], number, network)


def network_of(result: SearchResult, name: str) -> tuple[int, VerifiedNetwork] | None:
    """Return a verified network of a search by name with the index of its target, None where it has none."""
    for number, target in enumerate(result.targets):
        for network in target.networks:
            if network.name == name:
                return number, network
    stock = (
        (number, network)
        for number in range(len(result.targets))
        for network in result.references_at(number)
        if network.name == name
    )
    return next(stock, None)


def _tuned(stores: Stores, job: Job, name: str, network_name: str) -> Subnet:
    stored = stores.stored(job)
    if not stored.has(MADE):
        raise UsageError(
            "search_not_finished", f"job {job.id} is {job.state}: its network is there once it has succeeded"
        )
    made = stored.load(MADE, MadeNetwork)
    if made.network.name != network_name:
        raise _unknown(name)
    search = stores.stored(stores.jobs.get(job.tenant, made.search))
    result = search.result()
    weights = TensorFiles(made.tensors, made.manifest)
    return Subnet(name, job, search, result, made.target, made.number, made.network, weights)


def _unknown(name: str) -> UsageError:
    return UsageError("unknown_subnet", f"there is no subnet '{name}': the front of a search names its own")
