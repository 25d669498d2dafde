"""The screens of data sets: what there is, what was found in each, uploading one."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.dashboard.pages import page
from api.keys import Scope
from api.security import Reader
from api.state import Shared
from api.uploads import MAX_UPLOAD_BYTES
from nas.store.dataset_store import StoredDataset

router = APIRouter(include_in_schema=False)

MOST_LINES: Final = 20
"""Of a list in a report that are shown; the JSON has all."""


@dataclass(frozen=True)
class Fact:
    """Something that a report says.

    Attributes:
        values: One, or several with their names.
        more: How many are not shown.
    """

    name: str
    values: tuple[str, ...]
    more: int = 0


@router.get("/datasets")
def datasets(who: Reader, service: Shared, request: Request) -> Response:
    """Show the registered data sets."""
    return page(
        request,
        "datasets",
        datasets=service.stores.datasets.list_all(who.tenant),
        may_submit=who.may(Scope.SUBMIT),
        max_bytes=MAX_UPLOAD_BYTES,
    )


@router.get("/datasets/{dataset_id}")
def dataset(dataset_id: str, who: Reader, service: Shared, request: Request) -> Response:
    """Show a data set: whether it can be searched on, and what was found in it."""
    found = service.stores.datasets.get(who.tenant, dataset_id)
    return page(
        request,
        "dataset",
        dataset=found,
        wrong=problem_of(found),
        warnings=[str(one.get("message", one)) for one in _warnings(found)],
        facts=facts_of(found.report),
        settled=found.state != "checking",
        may_submit=who.may(Scope.SUBMIT),
    )


def problem_of(dataset: StoredDataset) -> str:
    """Return why a data set was rejected; empty where it was not."""
    if dataset.state != "rejected":
        return ""
    return f"{dataset.report.get('code', 'rejected')}: {dataset.report.get('message', 'it cannot be read')}"


def facts_of(report: Any) -> list[Fact]:
    """Return what a report says, in lines; what was wrong or is warned of is said elsewhere."""
    left_out = ("code", "message", "warnings", "notices")
    return [_fact(str(name), value) for name, value in report.items() if name not in left_out and value != []]


def _fact(name: str, value: Any) -> Fact:
    label = name.removeprefix("num_").replace("_", " ")
    if isinstance(value, dict):
        lines = [f"{key}: {_text(one)}" for key, one in value.items()]
    elif isinstance(value, list | tuple):
        lines = [_text(one) for one in value]
    else:
        lines = [_text(value)]
    return Fact(label, tuple(lines[:MOST_LINES]), max(len(lines) - MOST_LINES, 0))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(one) for one in value)
    return str(value)


def _warnings(dataset: StoredDataset) -> list[Any]:
    found = dataset.report.get("warnings", [])
    return (
        [one if isinstance(one, dict) else {"message": one} for one in found]
        if isinstance(found, list)
        else []
    )
