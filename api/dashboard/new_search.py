"""The screen that submits a search: a form, what it would take, and the same for files and programs."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from api.boards import board_lines
from api.dashboard.examples import examples
from api.dashboard.pages import page
from api.dashboard.results import get_search
from api.dashboard.search_form import (
    MAX_TARGETS,
    Problem,
    SearchForm,
    form_of,
    main_fields,
    other_fields,
    read_form,
    shape_fields,
    spaces,
    target_fields,
)
from api.dashboard.sent import Sent
from api.dashboard.wishes import WISHES, grant
from api.previews import preview_of
from api.resources.submissions import SubmittedSearch, search_request
from api.security import Principal, Submitter
from api.state import Root, Service, Shared
from latency_predictors.agent_protocol import HOST
from nas.job_records import JobRequest
from nas.pipeline.preview import Preview
from nas.specs import SpaceSpec
from search_spaces.digests import sha256_json
from search_spaces.errors import HwnasError

router = APIRouter(include_in_schema=False)

_STARTING: Final = {
    "space": SpaceSpec().model_dump(),
    "dataset": {"name": "digits"},
    "targets": [{"device": "host"}],
    "budget": {"wall_minutes": 5.0},
    "seed": 0,
}
"""What the form holds at first."""


@router.get("/searches/new")
def new_search(
    who: Submitter,
    service: Shared,
    request: Request,
    like: Annotated[str, Query(max_length=200)] = "",
    dataset: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show the form: empty, on a data set, or as an earlier search was."""
    if like:
        form = form_of(get_search(service.stores, who.tenant, like).spec)
    else:
        form = form_of(_STARTING | ({"dataset": {"name": "stored", "id": dataset}} if dataset else {}))
    return _shown(form, who, service, request, QueryParams(""))


@router.post("/searches/new")
def submit(who: Submitter, service: Shared, root: Root, request: Request, sent: Sent) -> Response:
    """Submit what the form asks for; show it again where that was asked for, or where something is wrong."""
    form = read_form(sent)
    asked = sent.get("do", "")
    if asked == "submit" and (search := form.checked()) is not None:
        try:
            job = search_request(service.stores, who.tenant, who.owner, search)
            taken = service.stores.jobs.submit(
                who.tenant,
                job,
                _key(sent, job),
                actor=who.actor(request),
                max_open=service.settings.max_open_jobs,
            )
        except HwnasError as error:
            form.problems.append(Problem("", f"{error.code}: {error.message}"))
        else:
            return RedirectResponse(f"{root}/searches/{taken.id}", status_code=303)
    _changed(form, asked)
    return _shown(form, who, service, request, sent, status=422 if asked == "submit" else 200)


def _key(sent: QueryParams, asked: JobRequest) -> str:
    """Return what tells one submission from another: the same form, sent twice, is one search.

    Whoever comes back to a form that was sent, and changes it, means another one.
    """
    key = sent.get("key", "")[:100]
    return f"{key}.{sha256_json(dict(asked.spec))}" if key else ""


def _changed(form: SearchForm, asked: str) -> None:
    """Do with a form what one of its buttons asks for."""
    action, _, what = asked.partition(":")
    targets = form.document["targets"]
    if action == "wish" and what in WISHES:
        grant(WISHES[what], form.document)
    elif action == "add" and len(targets) < MAX_TARGETS:
        targets.append({"device": targets[-1]["device"]})
    elif action == "drop" and what.isdigit() and int(what) < len(targets) > 1:
        del targets[int(what)]


def _shown(
    form: SearchForm, who: Principal, service: Service, request: Request, sent: QueryParams, status: int = 200
) -> Response:
    search = form.checked() if not form.problems else None
    found = _preview(form, search, who, service) if search is not None else None
    return page(
        request,
        "new_search",
        status=status,
        form=form,
        key=sent.get("key") or secrets.token_hex(16),
        spaces=spaces(),
        datasets=service.stores.datasets.list_all(who.tenant),
        dataset=_dataset_text(form.document.get("dataset", {})),
        space="/".join(str(form.document.get("space", {}).get(name, "")) for name in ("name", "preset")),
        targets=[target_fields(number) for number in range(form.num_targets)],
        devices=[HOST, *(board.name for board in board_lines(service.stores, who.tenant))],
        main_fields=main_fields(),
        other_fields=other_fields(),
        shape_fields=shape_fields(),
        wishes=WISHES,
        preview=found,
        examples=examples(form.document, str(request.base_url).rstrip("/")),
        may_add=form.num_targets < MAX_TARGETS,
    )


def _preview(form: SearchForm, search: SubmittedSearch, who: Principal, service: Service) -> Preview | None:
    try:
        return preview_of(service.stores, who.tenant, search)
    except HwnasError as error:
        form.problems.append(Problem("", f"{error.code}: {error.message}"))
        return None


def _dataset_text(dataset: Mapping[str, Any]) -> str:
    """Return a data set as the form names it."""
    name = str(dataset.get("name", ""))
    return f"stored:{dataset.get('id', '')}" if name == "stored" else name
