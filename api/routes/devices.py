"""Devices and what is known of them: their lookup tables, measuring one for a space."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from api.devices import TableDetails, TableLine, table_details, table_lines
from api.predictions import Predictions
from api.resources.jobs import Accepted
from api.resources.predictions import AskedCosts, predicted
from api.routes import jobs as job_routes
from api.security import Reader, Submitter
from api.state import Service, Shared
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.specs import ProfileSpec
from nas.store.table_store import TableKey
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
    return _device(device_id, table_lines(service.stores, tables_of(service, device_id)))


@router.get("/{device_id}/tables")
def tables(device_id: str, who: Reader, service: Shared) -> Tables:
    """Return the lookup tables of a device: entries, sessions, error reports."""
    keys = tables_of(service, device_id)
    return Tables(items=tuple(table_details(service.stores, key) for key in keys))


@router.post("/{device_id}/profiles", status_code=202)
def profile(
    device_id: str,
    spec: ProfileSpec,
    who: Submitter,
    service: Shared,
    request: Request,
    response: Response,
    key: job_routes.Key = "",
) -> Accepted:
    """Have a device measured for a space; `host` is the machine of whichever worker takes it."""
    if device_id != "host":
        raise UsageError("unknown_device", "only `host`, the machine of the worker, can be measured so far")
    asked = JobRequest(JobKind.PROFILE, spec.model_dump(mode="json"), "profile", who.owner)
    return job_routes.submitted(service, who, request, response, asked, key)


@router.post("/{device_id}/predictions")
def predictions(device_id: str, asked: AskedCosts, who: Reader, service: Shared) -> Predictions:
    """Predict the costs of architectures from the stored table of a device: point, interval, label.

    `host` is the machine of this service. Nothing is run.
    """
    return predicted(service.stores, device_id, asked)


def tables_of(service: Service, device_id: str) -> list[TableKey]:
    """Return the tables of a device.

    Raises:
        UsageError: `unknown_device`.
    """
    keys = [key for key in service.stores.tables.published() if key.device == device_id]
    if not keys:
        raise UsageError(
            "unknown_device", f"there is no device '{device_id}': list them to see which there are"
        )
    return keys


def _device(digest: str, lines: list[TableLine]) -> DeviceResource:
    label = next((line.device for line in lines if line.device), "")
    return DeviceResource(id=digest, label=label, tables=tuple(lines))
