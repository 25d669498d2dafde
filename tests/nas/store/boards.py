"""Registered boards for tests, and files that are to be measured there."""

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from latency_predictors.agent_protocol import Registration
from latency_predictors.measure import LAYER_PROTOCOL
from nas.measurement_tasks import MeasurementTask
from nas.store.agent_store import Agent, DatabaseAgentStore
from nas.store.audit_log import Actor
from nas.store.key_store import DatabaseKeyStore
from tests.latency_predictors.sessions import CONTEXT, DEVICE
from tests.nas.store.queued import TENANT

INSTANCE = "1" * 32
OTHER_INSTANCE = "2" * 32
NAMES = ("one", "two", "three", "four")


def told(name: str = "pi5", **more: Any) -> Registration:
    """What a board tells of itself."""
    facts: dict[str, Any] = {"device": DEVICE, "version": "0.1.0", "cache_bytes": 10**9, "clock_s": 0.0}
    facts |= {"runtimes": {CONTEXT.runtime: CONTEXT.runtime_version}, "instance": INSTANCE, "unit": "board-1"}
    return Registration.model_validate({"name": name, **facts, **more})


def new_key(engine: Engine, tenant: str = TENANT) -> str:
    """The identifier of a key that is good for one board."""
    return DatabaseKeyStore(engine).create(tenant, "board", ["device"])[0].id


def new_board(engine: Engine, name: str = "pi5", tenant: str = TENANT, **more: Any) -> Agent:
    """A board with a key of its own."""
    key = new_key(engine, tenant)
    return DatabaseAgentStore(engine).register(tenant, Actor("ann", key), told(name, **more))


def subject_of(name: str) -> str:
    """What results of a file are stored under."""
    return hashlib.sha256(name.encode()).hexdigest()


def content_of(name: str) -> bytes:
    """What stands in the file."""
    return f"the file {name}".encode()


def tasks_for(agent: Agent, names: Sequence[str] = NAMES, sessions: int = 1) -> list[MeasurementTask]:
    """Files that are to be measured on a board."""
    return [
        MeasurementTask(
            agent.device,
            CONTEXT,
            LAYER_PROTOCOL,
            subject_of(name),
            hashlib.sha256(content_of(name)).hexdigest(),
            sessions,
        )
        for name in names
    ]
