"""Which search is meant, by the start of its identifier, and which target of it."""

from nas.asked_targets import meant_targets
from nas.job_records import Job
from nas.jobs import JobKind
from nas.results import SearchResult
from nas.store.pages import MAX_PAGE
from nas.store.stores import Stores
from search_spaces.errors import UsageError


def all_searches(stores: Stores, tenant: str) -> list[Job]:
    """Return all searches of a tenant, the last submitted last."""
    found: list[Job] = []
    cursor = None
    while True:
        page = stores.jobs.page(tenant, kinds=(JobKind.SEARCH,), limit=MAX_PAGE, cursor=cursor)
        found.extend(page.jobs)
        if page.cursor is None:
            return found[::-1]
        cursor = page.cursor


def find_search(stores: Stores, tenant: str, name: str) -> Job:
    """Return a search by its identifier, the start of one, or `latest`.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`, naming what exists.
    """
    jobs = all_searches(stores, tenant)
    if not jobs:
        raise UsageError("unknown_search", f"no search '{name}': there are none yet, `hwnas demo` makes one")
    if name == "latest" and jobs:
        return jobs[-1]
    exact = [job for job in jobs if job.id == name]
    found = exact or [job for job in jobs if job.id.startswith(name)]
    if not found:
        known = ", ".join(job.id for job in jobs[-5:])
        raise UsageError("unknown_search", f"no search '{name}'; searches are {known}")
    if len(found) > 1:
        raise UsageError(
            "ambiguous_search",
            f"'{name}' may be any of {', '.join(job.id for job in found)}: write more of it",
        )
    return found[0]


def target_index(result: SearchResult, number: int) -> int:
    """Return the position of a target that is counted from 1.

    Raises:
        UsageError: `unknown_target`.
    """
    return meant_targets(result.id, result.targets, number)[0]
