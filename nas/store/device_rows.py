"""Rows of devices and contexts, in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from latency_predictors.device import Device, ExecutionContext
from nas.store.columns import now_ms
from nas.store.inserts import insert_new
from nas.store.measurement_tables import contexts, devices


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
