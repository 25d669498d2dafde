"""Every network that a search verified, in pages and as a table."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any, Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from api.pagination import opened, sealed
from nas.store.front_store import MAX_PAGE, StoredCandidate
from nas.store.stores import Stores


class Csv(StreamingResponse):
    """A table, line by line."""

    media_type = "text/csv"


class CandidateResource(BaseModel):
    """A network that was verified: exported, scored and measured, whether it is on the front or not.

    Attributes:
        fidelity: `verified` with the weights of the supernet, or `tuned` where it was trained on.
        values: By objective: measured, with units in the names. `latency_suspect` tells whether its sessions
            contradict each other, or the device was disturbed; searches of earlier versions have not kept it.
    """

    architecture_digest: str
    fidelity: str
    architecture: dict[str, Any]
    values: dict[str, Any]


class CandidatePage(BaseModel):
    """Some verified networks, by digest."""

    items: tuple[CandidateResource, ...]
    next_cursor: str | None


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def candidate_page(
    stores: Stores, tenant: str, job_id: str, target: int, limit: int, cursor: str | None
) -> CandidatePage:
    """Return a page of the candidates for a target, which is counted from 1.

    Raises:
        UsageError: `invalid_cursor`.
    """
    digest, _, fidelity = (opened(cursor) or "").partition(".")
    found = stores.fronts.candidates(tenant, job_id, target - 1, after=(digest, fidelity), limit=limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = f"{last.architecture_digest}.{last.fidelity}" if last else None
    return CandidatePage(items=tuple(_resource(one) for one in found[:limit]), next_cursor=sealed(following))


def csv_lines(stores: Stores, tenant: str, job_id: str, target: int) -> Iterator[str]:
    """Yield a table with all candidates for a target: its head, then the lines of many at once.

    The head has what any candidate has: they are read twice rather than kept all at once. Those of a target
    are written together, so that none comes between.
    """
    names: set[str] = set()
    choices: set[str] = set()
    for found in _chunks(stores, tenant, job_id, target):
        names.update(*(one.values for one in found))
        choices.update(*(one.architecture for one in found))
    columns = (sorted(names), sorted(choices))
    yield _line(["architecture_digest", "fidelity", *columns[0], *columns[1]])
    if names:
        for found in _chunks(stores, tenant, job_id, target):
            yield "".join(_line(_cells(one, *columns)) for one in found)


def _chunks(stores: Stores, tenant: str, job_id: str, target: int) -> Iterator[tuple[StoredCandidate, ...]]:
    """Yield all candidates for a target, many at once."""
    after = ("", "")
    while found := stores.fronts.candidates(tenant, job_id, target - 1, after=after, limit=MAX_PAGE):
        yield found
        after = (found[-1].architecture_digest, found[-1].fidelity)


def _cells(one: StoredCandidate, names: Sequence[str], choices: Sequence[str]) -> list[Any]:
    values = [one.values.get(name) for name in names]
    options = [one.architecture.get(name) for name in choices]
    return [one.architecture_digest, one.fidelity, *values, *options]


def _line(cells: list[Any]) -> str:
    written = io.StringIO()
    # A spreadsheet takes text that begins so for a formula.
    safe = [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
    csv.writer(written).writerow(safe)
    return written.getvalue()


def _resource(one: StoredCandidate) -> CandidateResource:
    return CandidateResource(
        architecture_digest=one.architecture_digest,
        fidelity=one.fidelity,
        architecture=dict(one.architecture),
        values=dict(one.values),
    )
