"""Rows of devices and contexts, in the caller's transaction."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from latency_predictors.device import Device, ExecutionContext
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_tables import contexts, devices

_DEVICE: Final = TypeAdapter(Device)


def register(
    connection: Connection, device: Device, context: ExecutionContext, whose: Mapping[str, str]
) -> None:
    """Have rows for a device and a context."""
    facts = {"digest": context.digest, "facts": asdict(context), "created_at_ms": now_ms()}
    insert_new(connection, contexts, [facts])
    insert_new(connection, devices, [device_row(device, whose)])


def device_row(device: Device, whose: Mapping[str, str]) -> dict[str, Any]:
    """Return the row of a device that nobody measures on yet."""
    row = {"digest": device.digest, "label": device.label, "facts": asdict(device), **whose}
    lease = {"lease_attempt": 0, "lease_token": "", "lease_worker": "", "measured": 0, "to_measure": 0}
    return {**row, **lease, "created_at_ms": now_ms()}


def devices_of(connection: Connection, digests: Collection[str]) -> dict[str, Device]:
    """Return devices that something was measured on, by digest; without those that this version cannot read.

    They are anybody's: callers ask for digests that they may know.
    """
    query = select(devices.c.digest, devices.c.facts).where(devices.c.digest.in_(digests))
    found: dict[str, Device] = {}
    for row in connection.execute(query):
        try:
            device = _DEVICE.validate_python(row.facts)
        except ValidationError:
            continue
        if device.digest == row.digest:
            found[row.digest] = device
    return found
