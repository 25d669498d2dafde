"""Devices and what is known of them: their lookup tables, measuring one for a space."""

from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel

from api.devices import TableDetails, TableLine, table_details, table_lines
from api.resources.jobs import Accepted, accepted
from api.security import Reader, Submitter
from api.state import Root, Shared
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import ProfileSpec
from search_spaces.errors import UsageError

router = APIRouter(prefix="/v1/devices", tags=["devices"])


class DeviceResource(BaseModel):
    """A device: one physical unit.

    Attributes:
        id: SHA-256 of its facts.
        tables: What has been measured of it, a line a context.
    """

    id: str
    label: str
    tables: tuple[TableLine, ...]


class DeviceItems(BaseModel):
    """All devices that were measured."""

    items: tuple[DeviceResource, ...]


class Tables(BaseModel):
    """Everything that was measured of a device, by context."""

    items: tuple[TableDetails, ...]


@router.get("")
def devices(who: Reader, service: Shared) -> DeviceItems:
    """Return the devices of which something was measured."""
    found: dict[str, list[TableLine]] = {}
    for key in service.stores.tables.published():
        found.setdefault(key.device, []).extend(table_lines(service.stores, (key,)))
    return DeviceItems(items=tuple(_device(digest, lines) for digest, lines in found.items()))


@router.get("/{device_id}")
def device(device_id: str, who: Reader, service: Shared) -> DeviceResource:
    """Return a device."""
    keys = [key for key in service.stores.tables.published() if key.device == device_id]
    if not keys:
        raise UsageError(
            "unknown_device", f"there is no device '{device_id}': list them to see which there are"
        )
    return _device(device_id, table_lines(service.stores, keys))


@router.get("/{device_id}/tables")
def tables(device_id: str, who: Reader, service: Shared) -> Tables:
    """Return the lookup tables of a device: entries, sessions, error reports."""
    keys = [key for key in service.stores.tables.published() if key.device == device_id]
    if not keys:
        raise UsageError(
            "unknown_device", f"there is no device '{device_id}': list them to see which there are"
        )
    return Tables(items=tuple(table_details(service.stores, key) for key in keys))


@router.post("/{device_id}/profiles", status_code=202)
def profile(
    device_id: str,
    spec: ProfileSpec,
    who: Submitter,
    service: Shared,
    root: Root,
    request: Request,
    response: Response,
    key: Annotated[str, Header(alias="Idempotency-Key", max_length=200)] = "",
) -> Accepted:
    """Have a device measured for a space; `host` is the machine of whichever worker takes it."""
    if device_id != "host":
        raise UsageError("unknown_device", "only `host`, the machine of the worker, can be measured so far")
    asked = JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"), "profile", who.owner)
    job = service.stores.jobs.submit(who.tenant, asked, key)
    service.stores.keys.note(
        who.tenant, who.owner, who.key_id, "profile.submit", job.id, request.state.request_id
    )
    answer = accepted(job, root)
    response.headers["Location"] = answer.links["self"]
    return answer


def _device(digest: str, lines: list[TableLine]) -> DeviceResource:
    label = next((line.device for line in lines if line.device), "")
    return DeviceResource(id=digest, label=label, tables=tuple(lines))
