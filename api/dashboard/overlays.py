"""Other fronts that may stand beside one: further targets of its search, and other finished searches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.dashboard.figures.front import Overlay
from api.dashboard.results import target_front
from api.dashboard.targets import targets_of
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.store.stores import Stores
from search_spaces.errors import UsageError

OFFERED: Final = 30
"""Finished searches that a page offers to compare with, the newest."""


@dataclass(frozen=True)
class Other:
    """A front that may be shown too.

    Attributes:
        key: `SEARCH.TARGET`, as addresses have it.
        label: For people.
    """

    key: str
    label: str


def overlays(stores: Stores, tenant: str, keys: Sequence[str]) -> list[Overlay]:
    """Return the fronts that an address names, each once.

    Raises:
        UsageError: `invalid_overlay`; `unknown_job`, `unknown_target` or `search_not_finished`.
        ArtifactError: `damaged_file`.
    """
    found = []
    for key in dict.fromkeys(keys):
        search_id, _, number = key.rpartition(".")
        if not (search_id and number.isascii() and number.isdecimal() and 0 < int(number[:6]) <= 1_000):
            raise UsageError("invalid_overlay", f"'{key}' is no front: write SEARCH.TARGET, such as x.1")
        front = target_front(stores, tenant, search_id, int(number))
        found.append(Overlay(key, label_of(front.job, front.number), front))
    return found


def offered(stores: Stores, tenant: str, job: Job | None = None) -> list[Other]:
    """Return the fronts that may stand beside others: those of a search first, then of finished ones."""
    page = stores.jobs.page(tenant, kinds=(JobKind.SEARCH,), states=(JobState.SUCCEEDED,), limit=OFFERED)
    jobs = {one.id: one for one in ([job] if job else [])} | {one.id: one for one in page.jobs}
    return [
        Other(f"{one.id}.{number}", label_of(one, number))
        for one in jobs.values()
        for number in range(1, len(targets_of(one.spec)) + 1)
    ]


def label_of(job: Job, number: int) -> str:
    """Return what a front is called among others."""
    target = f", target {number}" if len(targets_of(job.spec)) > 1 else ""
    return f"{job.id}{target}"
