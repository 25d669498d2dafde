"""The screen of one search: is it going well? It goes on by itself while the search runs."""

import time
from typing import Any, Final

import yaml
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.dashboard import outcomes
from api.dashboard.charts import drawn
from api.dashboard.curves import curves
from api.dashboard.pages import page
from api.dashboard.phases import in_words, phases
from api.dashboard.results import get_search
from api.dashboard.story import read_story
from api.dashboard.targets import limit_texts, limits_of, target_text, targets_of
from api.error_codes import error_codes
from api.keys import Scope
from api.resources.jobs import settled
from api.resources.submissions import shown_spec
from api.routes import jobs as job_routes
from api.security import Reader, Submitter
from api.state import Root, Shared
from nas.job_records import Job
from nas.jobs import JobState
from nas.report.costs import HEADS, cost_cells, ledger_sentence
from nas.store.bound import DEVICE_AWAY

router = APIRouter(include_in_schema=False)

CURVES: Final = {
    "loss": "Loss of the supernet",
    "accuracy": "Best accuracy within the limits",
    "hypervolume": "Hypervolume of what was measured",
}
_AGAIN: Final = "what was trained and measured is taken over."
NEXT_STEPS: Final = {
    JobState.FAILED: f"Change what is named above and submit it again: {_AGAIN}",
    JobState.PARKED: f"It has failed again and again. Mend the cause, then resume it: {_AGAIN}",
    JobState.INFEASIBLE: "Raise the limit to the value that is named or beyond, and submit it again.",
    JobState.CANCELLED: f"Submit it again where you want it after all: {_AGAIN}",
    JobState.QUEUED: "A worker takes it as soon as it can: `hwnas serve` runs one, `hwnas worker` another.",
    JobState.WAITING: "It goes on by itself once what it waits for is there: measurements, or a supernet "
    "that another search trains.",
}
"""What a search in that state needs."""


@router.get("/searches/{search_id}")
def search(search_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Show a search."""
    job = get_search(service.stores, who.tenant, search_id)
    story = read_story(service.stores.jobs, who.tenant, job.id)
    targets = targets_of(job.spec)
    awaited = service.stores.agent_queue.awaited(job.id) if job.state is JobState.WAITING else ()
    shown = phases(job, story, time.time(), awaited)
    found = curves(story, *_labels_and_limits(job))
    return page(
        request,
        "search",
        job=job,
        settled=settled(job),
        story=story,
        phases=shown,
        awaited=awaited,
        in_words=in_words(job, shown),
        # What says where no worker lives says what to do as well.
        next_step="" if job.code == DEVICE_AWAY else NEXT_STEPS.get(job.state, ""),
        targets=[(target_text(one), limit_texts(one)) for one in targets],
        explained=job.code in error_codes(),
        bests=outcomes.bests(service.stores, job, len(targets)),
        deliveries=service.stores.fronts.exports(who.tenant, job.id),
        curves=[drawn(name, CURVES[name], chart) for name, chart in found.items()],
        costs=_costs(outcomes.spent(service.stores, job, service.settings)),
        spec=yaml.safe_dump(shown_spec(job.spec), sort_keys=False, allow_unicode=True),
        may_submit=who.may(Scope.SUBMIT),
    )


@router.post("/searches/{search_id}/cancel")
def cancel(search_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> Response:
    """Cancel a search, then show it."""
    job = get_search(service.stores, who.tenant, search_id)
    job_routes.cancel(job.id, who, service, root, request)
    return RedirectResponse(f"{root}/searches/{job.id}", status_code=303)


@router.post("/searches/{search_id}/resume")
def resume(search_id: str, who: Submitter, service: Shared, root: Root, request: Request) -> Response:
    """Have a parked search go on, then show it."""
    job = get_search(service.stores, who.tenant, search_id)
    job_routes.resume(job.id, who, service, root, request)
    return RedirectResponse(f"{root}/searches/{job.id}", status_code=303)


def _labels_and_limits(job: Job) -> tuple[list[str], list[dict[str, float]]]:
    targets = targets_of(job.spec)
    return [target_text(one) for one in targets], [limits_of(one) for one in targets]


def _costs(ledger: Any) -> dict[str, Any] | None:
    if ledger is None:
        return None
    named = dict(zip(HEADS[2:], cost_cells(ledger, ledger.total), strict=True))
    return {"cells": named, "sentence": ledger_sentence(ledger)}
