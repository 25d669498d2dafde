"""The screen with all searches: what runs, what is done, what each has found."""

import time
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from api.dashboard import outcomes
from api.dashboard.pages import page
from api.dashboard.phases import LABELS
from api.dashboard.targets import limit_texts, target_text, targets_of
from api.keys import Scope
from api.pagination import Cursor, opened, sealed
from api.resources.jobs import settled
from api.security import Reader
from api.state import Root, Shared
from nas.job_records import Job
from nas.jobs import JobKind, JobState
from nas.results import SEARCH_PHASES
from nas.store.stores import Stores

router = APIRouter(include_in_schema=False)

ROWS: Final = 25
WATERMARK: Final = 1_000_000
"""Of a phase: the progress of a job is the number of its phase, times this, and how far that is."""


@dataclass(frozen=True)
class Choice:
    """A filter of the list.

    Attributes:
        name: In the address.
        values: That searches have.
        chosen: One of them; empty for all.
    """

    name: str
    label: str
    values: tuple[str, ...]
    chosen: str


@dataclass(frozen=True)
class Row:
    """A search in the list.

    Attributes:
        targets: Each with its limits.
        bests: One for each front.
        share: How far it is, 0..1, and
        phase: in which phase; empty where it does not run.
        settled: Whether nothing more will happen.
    """

    job: Job
    space: str
    targets: tuple[tuple[str, list[str]], ...]
    bests: tuple[outcomes.Best, ...]
    share: float
    phase: str
    settled: bool


@router.get("/")
def home(who: Reader, root: Root) -> Response:
    """Go to the searches."""
    return RedirectResponse(f"{root}/searches", status_code=303)


@router.get("/searches")
def searches(
    who: Reader,
    service: Shared,
    request: Request,
    state: Annotated[list[JobState] | None, Query()] = None,
    dataset: Annotated[str, Query(max_length=200)] = "",
    device: Annotated[str, Query(max_length=200)] = "",
    space: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Show searches, newest first; the filters are in the address."""
    jobs = service.stores.jobs
    found = jobs.page(
        who.tenant,
        kinds=(JobKind.SEARCH,),
        states=state or (),
        name=dataset,
        device=device,
        space=space,
        limit=ROWS,
        cursor=opened(cursor),
    )
    return page(
        request,
        "searches",
        rows=[_row(service.stores, job) for job in found.jobs],
        states=list(JobState),
        chosen_states=state or [],
        choices=(
            Choice("dataset", "Data set", jobs.names(who.tenant, JobKind.SEARCH), dataset),
            Choice("device", "Device", jobs.facet_values(who.tenant, "device"), device),
            Choice("space", "Space", jobs.facet_values(who.tenant, "space"), space),
        ),
        next_cursor=sealed(found.cursor),
        first=cursor is None,
        now_ms=int(1000 * time.time()),
        may_submit=who.may(Scope.SUBMIT),
    )


def _row(stores: Stores, job: Job) -> Row:
    targets = targets_of(job.spec)
    number = job.progress // WATERMARK
    at = min(number, len(SEARCH_PHASES) - 1)
    return Row(
        job=job,
        space=_space(job.spec.get("space")),
        targets=tuple((target_text(one), limit_texts(one)) for one in targets),
        bests=tuple(outcomes.bests(stores, job, len(targets))),
        share=min(job.progress / (WATERMARK * len(SEARCH_PHASES)), 1.0),
        phase=LABELS[SEARCH_PHASES[at]] if job.state in (JobState.RUNNING, JobState.WAITING) else "",
        settled=settled(job),
    )


def _space(space: Any) -> str:
    if not isinstance(space, dict):
        return "?"
    return f"{space.get('name', '?')}/{space.get('preset', '?')}"
