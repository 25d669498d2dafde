"""Keys of those who may ask."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, final

from sqlalchemy import Connection, Engine, Row, select, update

from nas.store.access_tables import keys
from nas.store.audit_log import Actor, lock_changes, note
from nas.store.columns import now_ms
from nas.store.measurement_tables import agents
from nas.store.session import reading, writing
from search_spaces.errors import UsageError

ID_BYTES: Final = 8
SECRET_BYTES: Final = 24

OF_BOARDS: Final = "device"
"""What the key of a board is good for."""

_CHUNK: Final = 500

_GOOD: Final = (keys.c.revoked_at_ms == 0) & ((keys.c.expires_at_ms == 0) | (keys.c.expires_at_ms > now_ms()))

OPERATOR: Final = Actor("operator")
"""Whoever uses the command line of the server."""


@dataclass(frozen=True)
class StoredKey:
    """A key as it is kept: without its secret.

    Attributes:
        id: Public part.
        name: For people.
        scopes: What it is good for.
        expires_at_ms: 0 for never; by the database's clock, as all times.
        revoked_at_ms: 0 where it is not.
    """

    id: str
    tenant: str
    owner: str
    name: str
    scopes: tuple[str, ...]
    created_at_ms: int
    expires_at_ms: int
    revoked_at_ms: int


@dataclass(frozen=True)
class FoundKey:
    """A key that exists, and what to check whoever comes with it against.

    Attributes:
        secret_digest: See `is_secret`.
        good: Whether it is neither expired nor revoked.
    """

    key: StoredKey
    secret_digest: str
    good: bool


def is_secret(secret: str, digest: str) -> bool:
    """Return whether a secret is the one that a digest is kept of; takes the same time for all."""
    return hmac.compare_digest(digest, _digest(secret))


@final
class DatabaseKeyStore:
    """Keys in the database. A secret is random and long, so its SHA-256 is what is kept of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self,
        tenant: str,
        name: str,
        scopes: Collection[str],
        *,
        owner: str = "",
        lifetime_ms: int = 0,
        replaces: str = "",
        actor: Actor = OPERATOR,
    ) -> tuple[StoredKey, str]:
        """Make a key; return it with its secret, which nobody can be told again.

        Args:
            tenant: Whose objects it opens.
            name: For people.
            scopes: What it is good for.
            owner: Who acts with it; the name if not given.
            lifetime_ms: Until it expires; 0 for never.
            replaces: Key of a board, which ends when the board registers with this one, and no sooner.
            actor: Who makes it.
        """
        key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
        row = {"id": key_id, "tenant": tenant, "owner": owner or name, "name": name}
        row |= {"secret_digest": _digest(secret), "replaces": replaces}
        expires = now_ms() + lifetime_ms if lifetime_ms else 0
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            connection.execute(
                keys.insert().values(
                    **row, scopes=sorted(scopes), created_at_ms=now_ms(), expires_at_ms=expires
                )
            )
            note(connection, tenant, actor, "key.create", key_id)
            return _key(connection.execute(select(keys).where(keys.c.id == key_id)).one()), secret

    def find(self, key_ids: Sequence[str]) -> dict[str, FoundKey]:
        """Return those of some keys that exist, those that are over too."""
        query = select(keys, _GOOD.label("good")).where(keys.c.id.in_(key_ids))
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return {row.id: FoundKey(_key(row), row.secret_digest, bool(row.good)) for row in rows}

    def ids(self) -> frozenset[str]:
        """Return the public parts of all keys of all tenants."""
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(keys.c.id)).scalars())

    def is_good(self, key_id: str) -> bool:
        """Return whether a key, whose secret was checked before, is neither expired nor revoked."""
        return bool(self.good_among([key_id]))

    def good_among(self, key_ids: Sequence[str]) -> frozenset[str]:
        """Return those of some keys, whose secrets were checked before, that are not over."""
        good: set[str] = set()
        with reading(self._engine) as connection:
            for begin in range(0, len(key_ids), _CHUNK):
                among = keys.c.id.in_(key_ids[begin : begin + _CHUNK])
                good.update(connection.execute(select(keys.c.id).where(among, _GOOD)).scalars())
        return frozenset(good)

    def of_new_boards(self, tenant: str) -> frozenset[str]:
        """Return the names of the good keys of boards with which none has registered yet."""
        unused = keys.c.id.not_in(select(agents.c.key_id))
        query = select(keys.c.name, keys.c.scopes).where(keys.c.tenant == tenant, _GOOD, unused)
        with reading(self._engine) as connection:
            return frozenset(row.name for row in connection.execute(query) if OF_BOARDS in row.scopes)

    def list_all(self, tenant: str) -> tuple[StoredKey, ...]:
        """Return the keys of a tenant, newest first, revoked ones too."""
        query = select(keys).where(keys.c.tenant == tenant)
        query = query.order_by(keys.c.created_at_ms.desc(), keys.c.id)
        with reading(self._engine) as connection:
            return tuple(_key(row) for row in connection.execute(query))

    def revoke(self, tenant: str, key_id: str, *, actor: Actor = OPERATOR) -> StoredKey:
        """End a key; one that is revoked stays so.

        Raises:
            UsageError: `unknown_key`.
        """
        mine = (keys.c.tenant == tenant) & (keys.c.id == key_id)
        with writing(self._engine) as connection:
            lock_changes(connection, tenant)
            if end(connection, tenant, key_id):
                note(connection, tenant, actor, "key.revoke", key_id)
            row = connection.execute(select(keys).where(mine)).one_or_none()
        if row is None:
            raise UsageError("unknown_key", f"there is no key '{key_id}': `hwnas keys list` shows all")
        return _key(row)


def end(connection: Connection, tenant: str, key_id: str) -> bool:
    """End a key; return whether it had not ended before."""
    good = (keys.c.tenant == tenant) & (keys.c.id == key_id) & (keys.c.revoked_at_ms == 0)
    return bool(connection.execute(update(keys).where(good).values(revoked_at_ms=now_ms())).rowcount)


def may_follow(connection: Connection, before: str, key_id: str) -> bool:
    """Return whether a key may stand in the place of one before: that has ended, or was to end with it."""
    good = select(keys.c.id).where(keys.c.id == before, _GOOD)
    replaces = select(keys.c.id).where(keys.c.id == key_id, keys.c.replaces == before)
    return connection.execute(good).first() is None or connection.execute(replaces).first() is not None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> StoredKey:
    found = dict(row._mapping)
    found["scopes"] = tuple(found["scopes"])
    return StoredKey(**{name: found[name] for name in StoredKey.__dataclass_fields__})
