"""Bundles of work that are carried to boards without a network: what was given out, what came back."""

import secrets
from dataclasses import dataclass, field
from itertools import groupby
from typing import final

from sqlalchemy import Engine, Row, select, update

from nas.measurement_tasks import Batch
from nas.store.columns import exactly, now_ms
from nas.store.measurement_rows import batches
from nas.store.measurement_tables import bundles, measurement_tasks
from nas.store.session import reading, writing
from nas.store.waiting import IN_TURN, PENDING


@dataclass(frozen=True)
class StoredBundle:
    """A bundle that was given out.

    Attributes:
        id: Random.
        name: Of the board.
        key: That answers are signed with.
        imported: SHA-256 of the last answer that was taken; empty where none was.
    """

    id: str
    name: str
    key: str = field(repr=False)
    created_at_ms: int
    imported: str


@final
class DatabaseBundleStore:
    """Bundles in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, tenant: str, name: str) -> StoredBundle:
        """Note that a bundle is given out for a board."""
        row = {"id": secrets.token_hex(16), "tenant": tenant, "name": name, "secret": secrets.token_hex(32)}
        with writing(self._engine) as connection:
            made = bundles.insert().values(**row, imported="", created_at_ms=now_ms()).returning(bundles)
            return _bundle(connection.execute(made).one())

    def find(self, tenant: str, bundle_id: str) -> StoredBundle | None:
        """Return a bundle that was given out, None where there is none."""
        query = select(bundles).where(bundles.c.tenant == tenant, bundles.c.id == bundle_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _bundle(row)

    def taken(self, bundle_id: str, digest: str) -> None:
        """Note that an answer was taken."""
        with writing(self._engine) as connection:
            connection.execute(update(bundles).where(bundles.c.id == bundle_id).values(imported=digest))

    def has_answered(self, tenant: str, name: str) -> bool:
        """Return whether an answer of a board was taken."""
        theirs = bundles.c.tenant == tenant, bundles.c.name == name, bundles.c.imported != ""
        with reading(self._engine) as connection:
            return connection.execute(select(bundles.c.id).where(*theirs).limit(1)).first() is not None

    def work(self, device: str) -> tuple[Batch, ...]:
        """Return all that is pending on a device, in the order in which it is to be measured."""
        pending = select(measurement_tasks).where(
            measurement_tasks.c.device == device, exactly(measurement_tasks.c.state, PENDING)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(pending.order_by(*IN_TURN)).all()
            ranks = groupby(rows, key=lambda row: row.rank)
            return tuple(batch for _, group in ranks for batch in batches(connection, device, list(group)))


def _bundle(row: Row[tuple[object, ...]]) -> StoredBundle:
    fields = row._mapping
    return StoredBundle(
        str(fields["id"]),
        str(fields["name"]),
        str(fields["secret"]),
        int(fields["created_at_ms"]),
        fields["imported"],
    )
