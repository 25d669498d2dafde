"""The log of who changed what: a row in the transaction of the change, each with a digest of all before it.

Whoever changes or removes a row breaks the chain from there on, unless they write every later row anew.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

from sqlalchemy import Connection, Engine, select

from nas.store.access_tables import audit
from nas.store.columns import now_ms
from nas.store.session import one_at_a_time, reading

_CHAINED = ("tenant", "owner", "key_id", "action", "subject", "request_id", "at_ms")


@dataclass(frozen=True)
class Actor:
    """Who changes something, and through which request.

    Attributes:
        owner: Under which name.
        key_id: Of their key; empty on the command line of the server.
        request_id: Of the request; empty likewise.
    """

    owner: str
    key_id: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class AuditEntry:
    """A change that somebody made.

    Attributes:
        action: For programs, for example `search.submit`.
        subject: What was changed: an identifier.
    """

    owner: str
    key_id: str
    action: str
    subject: str
    request_id: str
    at_ms: int


@dataclass(frozen=True)
class Checked:
    """What a look at the whole log told.

    Attributes:
        num_changes: Rows whose digests are right: all of them, or those before the first wrong one.
        last_digest: Of the last of these: to be kept elsewhere.
        broken_at: Number of the first row whose digest is wrong; None where the chain holds.
        has_kept: Whether the digest that was asked for is in it; true where none was.
    """

    num_changes: int
    last_digest: str
    broken_at: int | None
    has_kept: bool


@final
class DatabaseAuditLog:
    """The log in the database. The tenant comes first."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self, tenant: str, limit: int = 100) -> tuple[AuditEntry, ...]:
        """Return the last changes, newest first."""
        query = select(audit).where(audit.c.tenant == tenant).order_by(audit.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            return tuple(
                AuditEntry(**{name: row._mapping[name] for name in AuditEntry.__dataclass_fields__})
                for row in connection.execute(query)
            )

    def check(self, tenant: str, kept: str = "") -> Checked:
        """Work the whole chain out again.

        Rows that were removed at the end leave no trace in a chain: keep its last digest elsewhere.

        Args:
            tenant: Whose.
            kept: A digest that was the last one once.
        """
        query = select(audit).where(audit.c.tenant == tenant).order_by(audit.c.id)
        before, num, met = "", 0, not kept
        with reading(self._engine) as connection:
            for row in connection.execute(query):
                if row.digest != _digest(before, dict(row._mapping)) and (row.digest or before):
                    return Checked(num, before, int(row.id), met)
                before, num, met = row.digest, num + 1, met or row.digest == kept
        return Checked(num, before, None, met)


def lock_changes(connection: Connection, tenant: str) -> None:
    """Let no other noted change of a tenant past here until this transaction has ended.

    The first thing that such a transaction does: whoever holds a row cannot wait for whoever waits for it.
    """
    one_at_a_time(connection, f"changes of {tenant}")


def note(connection: Connection, tenant: str, actor: Actor, action: str, subject: str) -> None:
    """Append to the log, in the caller's transaction, which has called `lock_changes`."""
    newest = select(audit.c.digest).where(audit.c.tenant == tenant).order_by(audit.c.id.desc()).limit(1)
    before = connection.execute(newest).scalar_one_or_none() or ""
    row = {**vars(actor), "tenant": tenant, "action": action, "subject": subject}
    row["at_ms"] = connection.execute(select(now_ms())).scalar_one()
    connection.execute(audit.insert().values(**row, digest=_digest(before, row)))


def _digest(before: str, row: Mapping[str, Any]) -> str:
    content = json.dumps([before, *(row[name] for name in _CHAINED)], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
