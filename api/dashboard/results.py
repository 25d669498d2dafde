"""What pages show of a search: its front for a target, with what else is known by now."""

from dataclasses import dataclass
from functools import lru_cache

from pydantic import ValidationError

from api.resources.fronts import no_front
from nas.job_records import Job
from nas.jobs import JobKind
from nas.report.words import where_sentence
from nas.results import SearchResult, TargetResult, VerifiedNetwork
from nas.store.stores import Stores
from search_spaces.errors import ArtifactError, UsageError


@dataclass(frozen=True)
class TargetFront:
    """The front of a search for a target.

    Attributes:
        number: Of the target, counted from 1.
        target: What was found for it.
        references: Stock networks as they were measured there.
        result: Of the whole search; None where it has not finished.
    """

    job: Job
    number: int
    target: TargetResult
    references: tuple[VerifiedNetwork, ...]
    result: SearchResult | None

    @property
    def where(self) -> str:
        """Where it was measured."""
        return where_sentence(self.target)


def get_search(stores: Stores, tenant: str, search_id: str) -> Job:
    """Return a search of a tenant.

    Raises:
        UsageError: `unknown_job`, also where it is a job of another kind.
    """
    job = stores.jobs.get(tenant, search_id)
    if job.kind is not JobKind.SEARCH:
        raise UsageError("unknown_job", f"job '{search_id}' is no search: the list shows those there are")
    return job


def target_front(stores: Stores, tenant: str, search_id: str, number: int) -> TargetFront:
    """Return the front of a search for a target, counted from 1: of a search that goes on, its last one.

    Raises:
        UsageError: `unknown_job`, `unknown_target`, or `search_not_finished` where it has no front yet.
        ArtifactError: `damaged_file`.
    """
    job = get_search(stores, tenant, search_id)
    if stores.stored(job).finished:
        result = _result(stores, tenant, job.id)
        if number > len(result.targets):
            raise no_front(job, number)
        return TargetFront(job, number, result.targets[number - 1], result.references_at(number - 1), result)
    content = stores.fronts.front(tenant, job.id, number - 1)
    if content is None:
        raise no_front(job, number)
    try:
        return TargetFront(job, number, TargetResult.model_validate_json(content), (), None)
    except ValidationError as error:
        raise ArtifactError("damaged_file", f"the front of search {job.id} cannot be read") from error


@lru_cache(maxsize=4)
def _result(stores: Stores, tenant: str, search_id: str) -> SearchResult:
    """Return the result of a finished search: it never changes, and one of 10,000 points takes a second."""
    return stores.stored(stores.jobs.get(tenant, search_id)).result()
