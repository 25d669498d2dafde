"""Agents: boards that their owners have registered under names, each with a key of its own."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, Row, delete, or_, select, update

from latency_predictors.agent_protocol import Registration
from latency_predictors.device import Device
from latency_predictors.golden import changes
from latency_predictors.unit import Unit
from nas.leases import Lease
from nas.store.audit_log import Actor, lock_changes, note
from nas.store.columns import now_ms
from nas.store.device_rows import device_row
from nas.store.fence import NewEvent, fenced
from nas.store.golden_store import make_due
from nas.store.inserts import insert_new
from nas.store.key_store import OPERATOR, end, may_follow
from nas.store.measurement_tables import agents, devices, job_devices
from nas.store.session import one_at_a_time, reading, writing
from nas.store.tables import jobs
from nas.store.waiting import queue_ready
from search_spaces.errors import UsageError

ALIVE_MS: Final = 60_000
"""An agent that was heard of within so long is alive."""

Introduction = tuple[str, Actor, Registration]
"""Whose board, as whom with its key, and what it tells."""

_DEVICE: Final = TypeAdapter(Device)


@dataclass(frozen=True)
class Agent:
    """A registered board.

    Attributes:
        name: What specifications call it.
        device: With the identifier of the registration.
        facts: What it told when it registered last.
        asked: Number of its last request for work.
        failures: In a row.
        quarantine: Why it gets no work; empty where it does.
        alive: Whether it was heard of within `ALIVE_MS`.
    """

    id: str
    tenant: str
    name: str
    device: Device
    key_id: str
    instance: str
    facts: Mapping[str, Any]
    asked: int
    failures: int
    quarantine: str
    registered_at_ms: int
    seen_at_ms: int
    alive: bool


@final
class DatabaseAgentStore:
    """Agents in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def register(self, tenant: str, actor: Actor, told: Registration) -> Agent:
        """Register a board, or take in what a registered one tells; wake the jobs that wait for its name.

        Args:
            tenant: Whose board.
            actor: With the board's key.
            told: By the board.

        Raises:
            UsageError: `key_of_another_device`, `device_name_taken`, `device_changed` or `key_in_use`.
                Nothing was changed.
        """
        (registered,) = self.register_all([(tenant, actor, told)])
        if isinstance(registered, UsageError):
            raise registered
        return registered

    def register_all(self, introductions: Sequence[Introduction]) -> list[Agent | UsageError]:
        """Register boards in one transaction, each or nothing of it as `register` does.

        Returns:
            For each the board, or the error that `register` would raise.
        """
        registered: list[Agent | UsageError] = []
        with writing(self._engine) as connection:
            for tenant in sorted({tenant for tenant, _, _ in introductions}):
                lock_changes(connection, tenant)
                one_at_a_time(connection, f"devices of {tenant}")
            for introduction in introductions:
                try:
                    registered.append(_registered(connection, *introduction))
                except UsageError as error:
                    registered.append(error)  # raised before anything of this one was written
        return registered

    def of_key(self, key_id: str) -> Agent | None:
        """Return the board that a key belongs to, None where it has registered none."""
        return self.of_keys([key_id]).get(key_id)

    def of_keys(self, key_ids: Collection[str]) -> dict[str, Agent]:
        """Return the boards that some keys belong to, by key."""
        query = _agents().where(agents.c.key_id.in_(key_ids))
        with reading(self._engine) as connection:
            return {row.key_id: _agent(row) for row in connection.execute(query)}

    def find(self, tenant: str, name: str) -> Agent | None:
        """Return the board of a name, None where there is none."""
        mine = (agents.c.tenant == tenant) & (agents.c.name == name)
        with reading(self._engine) as connection:
            row = connection.execute(_agents().where(mine)).one_or_none()
        return None if row is None else _agent(row)

    def list_all(self, tenant: str) -> tuple[Agent, ...]:
        """Return the boards of a tenant, by name."""
        query = _agents().where(agents.c.tenant == tenant).order_by(agents.c.name)
        with reading(self._engine) as connection:
            return tuple(_agent(row) for row in connection.execute(query))

    def foreign(self, tenant: str) -> frozenset[str]:
        """Return the digests of the devices that other tenants have registered."""
        query = select(agents.c.device).where(agents.c.tenant != tenant)
        with reading(self._engine) as connection:
            return frozenset(connection.execute(query).scalars())

    def release(self, tenant: str, name: str, actor: Actor = OPERATOR) -> Agent:
        """End the quarantine of a board.

        Raises:
            UsageError: `unknown_device`.
        """
        mine = (agents.c.tenant == tenant) & (agents.c.name == name)
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            connection.execute(update(agents).where(mine).values(quarantine="", failures=0))
            row = connection.execute(_agents().where(mine)).one_or_none()
            if row is None:
                raise UsageError(
                    "unknown_device",
                    f"there is no board '{name}': `hwnas devices list` shows all",
                )
            make_due(connection, _device(row).digest, "it was in quarantine")
            note(connection, tenant, actor, "device.release", name)
        return _agent(row)

    def wait_for(self, lease: Lease, names: Collection[str]) -> tuple[str, ...]:
        """Have a job wait for devices that nobody has registered yet; return those that are missing still.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        told = NewEvent("devices_missing", {"devices": sorted(names)})
        with fenced(self._engine, lease, told) as connection:
            one_at_a_time(connection, f"devices of {lease.tenant}")
            there = set(
                connection.execute(
                    select(agents.c.name).where(agents.c.tenant == lease.tenant, agents.c.name.in_(names))
                ).scalars()
            )
            missing = sorted(set(names) - there)
            insert_new(connection, job_devices, [{"job_id": lease.job_id, "name": one} for one in missing])
            return tuple(missing)

    def missing(self, job_id: str) -> tuple[str, ...]:
        """Return the names of devices that a job waits for until they are registered."""
        query = select(job_devices.c.name).where(job_devices.c.job_id == job_id).order_by(job_devices.c.name)
        with reading(self._engine) as connection:
            return tuple(connection.execute(query).scalars())


def _agents() -> Any:
    alive = (agents.c.seen_at_ms >= now_ms() - ALIVE_MS).label("alive")
    return select(agents, devices.c.facts.label("device_facts"), alive).join(devices)


def _registered(connection: Connection, tenant: str, actor: Actor, told: Registration) -> Agent:
    """Register a board.

    Raises:
        UsageError: As `DatabaseAgentStore.register`; nothing was written.
    """
    known = _known(connection, tenant, actor.key_id, told)
    if known is None:
        _insert(connection, tenant, actor, told)
        note(connection, tenant, actor, "device.register", told.name)
    else:
        _check(connection, known, actor.key_id, told)
        if known.key_id != actor.key_id and end(connection, tenant, known.key_id):
            note(connection, tenant, actor, "key.revoke", known.key_id)
        if what := changes(known.facts, told.model_dump(mode="json")):
            make_due(connection, _device(known).digest, what)
    values = {"key_id": actor.key_id, "instance": told.instance, "facts": told.model_dump(mode="json")}
    mine = (agents.c.tenant == tenant) & (agents.c.name == told.name)
    connection.execute(update(agents).where(mine).values(**values, seen_at_ms=now_ms()))
    _wake(connection, tenant, told.name)
    return _agent(connection.execute(_agents().where(mine)).one())


def _known(connection: Connection, tenant: str, key_id: str, told: Registration) -> Row[Any] | None:
    """Return the row of the name or of the key; None where both are new.

    Raises:
        UsageError: `key_of_another_device`.
    """
    mine = (agents.c.tenant == tenant) & (agents.c.name == told.name)
    rows: Sequence[Row[Any]] = connection.execute(_agents().where(or_(mine, agents.c.key_id == key_id))).all()
    for row in rows:
        if row.key_id == key_id and row.name != told.name:
            raise UsageError(
                "key_of_another_device",
                f"this key belongs to device '{row.name}': make one for '{told.name}' "
                f"(`hwnas keys create {told.name} --scope device`)",
            )
    return rows[0] if rows else None


def _check(connection: Connection, known: Row[Any], key_id: str, told: Registration) -> None:
    """Refuse whoever is not the board that has the name.

    Raises:
        UsageError: `device_name_taken`, `device_changed` or `key_in_use`.
    """
    before, now = Unit(_device(known), known.facts["unit"]), Unit(told.device, told.unit)
    replayed = bool(known.facts.get("replays")), bool(told.replays)
    if not now.may_be(before) or replayed[0] != replayed[1]:
        was, is_now = (
            f"{unit.label}{', replayed' if file else ''}"
            for unit, file in zip((before, now), replayed, strict=True)
        )
        raise UsageError(
            "device_changed",
            f"'{known.name}' was registered as {was}, and is {is_now} now: register it under another name; "
            "what was measured stays with the old one",
        )
    if known.key_id != key_id and not may_follow(connection, known.key_id, key_id):
        raise name_taken(known.name, known.key_id)
    if known.instance not in (told.instance, *told.before) and known.alive:
        raise in_use(known.name)


def name_taken(name: str, key_id: str) -> UsageError:
    """Return what a board is told whose name belongs to another one, with a key that is good."""
    return UsageError(
        "device_name_taken",
        f"'{name}' has a key of its own that is good: use that one, end it (`hwnas keys revoke {key_id}`), "
        "or choose another name",
    )


def in_use(name: str) -> UsageError:
    """Return what an agent is told that is not the one which works as a device."""
    return UsageError(
        "key_in_use",
        f"another agent works as '{name}' with this key, or in a copy of this one's folder: end that one, or "
        f"make a key for each board; where it is gone, try again in {ALIVE_MS // 1000} s",
    )


def _insert(connection: Connection, tenant: str, actor: Actor, told: Registration) -> None:
    agent_id = secrets.token_hex(8)
    device = replace(told.device, registered=agent_id)
    whose = {"tenant": tenant, "owner": actor.owner}
    insert_new(connection, devices, [device_row(device, whose)])
    row = {"id": agent_id, **whose, "name": told.name, "device": device.digest, "key_id": actor.key_id}
    told_facts = {"instance": told.instance, "facts": told.model_dump(mode="json")}
    counted = {"asked": 0, "failures": 0, "quarantine": ""}
    connection.execute(agents.insert().values(**row, **told_facts, **counted, registered_at_ms=now_ms()))


def _wake(connection: Connection, tenant: str, name: str) -> None:
    """Queue the jobs of a tenant that wait for a device of that name: it is there now."""
    own = select(jobs.c.id).where(jobs.c.tenant == tenant)
    mine = (job_devices.c.name == name) & job_devices.c.job_id.in_(own)
    waiting = connection.execute(select(job_devices.c.job_id).where(mine)).scalars().all()
    if waiting:
        connection.execute(delete(job_devices).where(mine))
        queue_ready(connection, jobs.c.id.in_(waiting), arrived=True)


def _device(row: Row[Any]) -> Device:
    return _DEVICE.validate_python(row.device_facts)


def _agent(row: Row[Any]) -> Agent:
    found = dict(row._mapping)
    found |= {"device": _device(row), "alive": bool(row.alive)}
    return Agent(**{name: found[name] for name in Agent.__dataclass_fields__})
