"""Lookup tables as they are published: immutable versions, with their corrections and reports beside them."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, Row, Select, func, select

from latency_predictors.correction import Correction
from latency_predictors.doubt import Doubt, doubting, joined
from latency_predictors.lookup_table import LookupTable
from latency_predictors.table_entry import Entry
from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.leases import Lease
from nas.ports import Artifacts
from nas.store.columns import now_ms
from nas.store.device_rows import register
from nas.store.doubts import in_doubt, networks_in_doubt
from nas.store.fence import NewEvent, fenced
from nas.store.ids import new_id
from nas.store.inserts import insert_new
from nas.store.job_store import insert_finished
from nas.store.measurement_tables import contexts, corrections, lookup_tables
from nas.store.session import reading, writing
from nas.store.tables import jobs
from search_spaces.digests import canonical_json
from search_spaces.errors import ArtifactError, StoreError

_TRIES: Final = 20


@dataclass(frozen=True)
class TableKey:
    """Which table, by the digests of its device and context; and when its newest version was published."""

    device: str
    context: str
    created_at_ms: int


@final
class DatabaseTableStore:
    """Lookup tables in the database, their entries as artifacts.

    A table is derived from measurements: a version says which of them somebody worked with.
    """

    def __init__(self, engine: Engine, artifacts: Artifacts) -> None:
        self._engine = engine
        self._artifacts = artifacts

    def published(self) -> tuple[TableKey, ...]:
        """Return which tables there are, by device and context."""
        columns = lookup_tables.c.device, lookup_tables.c.context
        query = select(*columns, func.max(lookup_tables.c.created_at_ms).label("created_at_ms"))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(*columns).order_by(*columns))
            return tuple(TableKey(row.device, row.context, row.created_at_ms) for row in rows)

    def contexts(self) -> dict[str, Mapping[str, Any]]:
        """Return the facts of every context that something was measured in, by digest."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(contexts.c.digest, contexts.c.facts))
            return {row.digest: row.facts for row in rows}

    def load(self, device: str, context: str, version: int | None = None) -> LookupTable | None:
        """Return a table with the newest corrections, None where there is none; what is in doubt is suspect.

        Args:
            device: Digest of the device.
            context: Digest of the context.
            version: Of the table; the newest if not given.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`; `damaged_table` where it is no table.
        """
        query = _versions(device, context)
        if version is not None:
            query = query.where(lookup_tables.c.version == version)
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).one_or_none()
            doubted = in_doubt(connection, device, context)
        if row is None:
            return None
        table = self._read(row.artifact).doubting(doubted)
        return table.model_copy(update={"corrections": self.corrections(device, context)})

    def corrections(self, device: str, context: str) -> dict[str, Correction]:
        """Return the newest corrections of a table, by space, whether its artifact is sound or not."""
        with reading(self._engine) as connection:
            found = connection.execute(_newest_corrections(device, context)).all()
            doubt = networks_in_doubt(connection, device, context)
        return {space: doubting(one, doubt) for space, one in _by_space(found).items()}

    def publish(self, lease: Lease, table: LookupTable) -> int:
        """Publish a table and its corrections; return the version.

        Entries and calibration networks that somebody else has published meanwhile stay: what was measured is
        never dropped, unless it is in doubt. What is published already gives no new version. A version whose
        artifact is damaged adds nothing: its measurements are kept as sessions.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        device, context = table.device.digest, table.context.digest
        for _ in range(_TRIES):
            with reading(self._engine) as connection:
                newest = connection.execute(_versions(device, context).limit(1)).one_or_none()
                kept = connection.execute(_newest_corrections(device, context)).all()
                doubted = in_doubt(connection, device, context)
                doubt = networks_in_doubt(connection, device, context)
            merged = self._merged(newest.artifact if newest else None, table, doubted)
            merged = merged.model_copy(update={"corrections": _joined(table, kept, doubt)})
            artifact = self._artifacts.put(_content(merged))
            number = newest.version if newest else 0
            if newest is None or artifact != newest.artifact:
                number += 1
            seen = {one.space_digest: one.version for one in kept}
            if self._insert(lease, merged, artifact, number, seen):
                return number
        raise StoreError(
            "database_busy", f"a table of {table.device.label} changed {_TRIES} times meanwhile: try again"
        )

    def receive(self, tenant: str, table: LookupTable, told: Mapping[str, Any]) -> int:
        """Publish a table that another installation measured; return the version.

        It is recorded as an import, a job that is over as it begins, with what is told of the table. A table
        that was imported before gets a new version; the old one stays.

        Args:
            tenant: Whose it is.
            table: With its corrections.
            told: Where it comes from; `origin` returns it.

        Raises:
            ArtifactError: `table_exists` where this installation has measured that device and context itself.
        """
        key = {"device": table.device.digest, "context": table.context.digest}
        artifact = self._artifacts.put(_content(table))
        with writing(self._engine) as connection:
            newest = connection.execute(_origins(**key)).one_or_none()
            if newest is not None and newest.kind != JobKind.IMPORT:
                raise ArtifactError(
                    "table_exists",
                    f"{table.device.label} ({table.context.label}) was measured by this installation itself: "
                    "its table is kept, and nothing was imported",
                )
            if newest is not None and (newest.artifact, newest.spec) == (artifact, dict(told)):
                return int(newest.version)
            job_id = new_id(JobKind.IMPORT)
            insert_finished(connection, tenant, JobRequest(JobKind.IMPORT, dict(told)), job_id)
            register(connection, table.device, table.context, {"tenant": tenant, "owner": ""})
            version, by = (newest.version if newest else 0) + 1, {"job_id": job_id, "attempt": 0}
            row = {**key, "version": version, "artifact": artifact, "num_entries": len(table.entries), **by}
            insert_new(connection, lookup_tables, [{**row, "created_at_ms": now_ms()}])
            new = [{**one, **by} for one in _new_corrections(connection, table)]
            insert_new(connection, corrections, new)
        return version

    def origin(self, device: str, context: str) -> Mapping[str, Any] | None:
        """Return what was told of an imported table; None where this installation measured it itself."""
        with reading(self._engine) as connection:
            newest = connection.execute(_origins(device, context)).one_or_none()
        return newest.spec if newest is not None and newest.kind == JobKind.IMPORT else None

    def _read(self, artifact: str) -> LookupTable:
        try:
            return LookupTable.model_validate_json(self._artifacts.get(artifact))
        except ValidationError as error:
            raise ArtifactError(
                "damaged_table", f"table {artifact[:12]} cannot be read: profile the device again"
            ) from error

    def _merged(self, artifact: str | None, table: LookupTable, doubted: Collection[str]) -> LookupTable:
        if artifact is None:
            return table
        try:
            there = self._read(artifact).without_sessions(doubted)
        except ArtifactError:
            return table
        entries = {**there.entries, **table.entries}
        mine = table.without_sessions(doubted).entries
        for key in there.entries.keys() & table.entries.keys():
            entries[key] = _better(there.entries[key], mine[key]) if key in mine else there.entries[key]
        reference, graph = there.reference_ms or table.reference_ms, table.graph or there.graph
        return table.model_copy(update={"entries": entries, "reference_ms": reference, "graph": graph})

    def _insert(
        self, lease: Lease, table: LookupTable, artifact: str, version: int, seen: Mapping[str, int]
    ) -> bool:
        """Insert the version and new corrections; return whether both follow what was seen.

        Args:
            seen: Newest versions of the corrections that those of the table follow, by space.
        """
        key = {"device": table.device.digest, "context": table.context.digest}
        by = {"job_id": lease.job_id, "attempt": lease.attempt}
        row = {**key, "version": version, "artifact": artifact, "num_entries": len(table.entries), **by}
        event = NewEvent("table", {**key, "version": version, "num_entries": len(table.entries)})
        with fenced(self._engine, lease, event) as connection:
            register(connection, table.device, table.context, {"tenant": lease.tenant, "owner": ""})
            insert_new(connection, lookup_tables, [{**row, "created_at_ms": now_ms()}])
            query = _versions(**key).where(lookup_tables.c.version == version)
            if connection.execute(query).one().artifact != artifact:
                return False
            new = [{**one, **by} for one in _new_corrections(connection, table, seen)]
            # Whoever publishes at the same time inserts the same versions: one of both begins again.
            return insert_new(connection, corrections, new) == len(new)


def _correction_row(space: str, version: int, correction: Correction) -> dict[str, Any]:
    content = json.loads(correction.model_dump_json())
    report = content.get("report") or {}
    return {
        "space_digest": space,
        "version": version,
        "content": content,
        "report": report,
        "created_at_ms": now_ms(),
    }


def _joined(table: LookupTable, kept: Sequence[Row[Any]], doubt: Doubt) -> dict[str, Correction]:
    """Return a table's corrections, with the networks of the newest published ones beside theirs."""
    there = _by_space(kept)
    found = {space: joined(there.get(space), new, doubt) for space, new in table.corrections.items()}
    return {space: correction for space, correction in found.items() if correction}


def _by_space(rows: Sequence[Row[Any]]) -> dict[str, Correction]:
    return {one.space_digest: Correction.model_validate(one.content) for one in rows}


def _new_corrections(
    connection: Connection, table: LookupTable, seen: Mapping[str, int] | None = None
) -> list[dict[str, Any]]:
    """Return rows for the corrections of a table that are not the newest ones already.

    Args:
        connection: In the transaction that inserts them.
        table: With its corrections.
        seen: Versions that they follow, by space; the newest if not given.
    """
    key = {"device": table.device.digest, "context": table.context.digest}
    newest = {one.space_digest: one for one in connection.execute(_newest_corrections(**key))}
    versions = {space: one.version for space, one in newest.items()} if seen is None else seen
    return [
        {**key, **_correction_row(space, versions.get(space, 0) + 1, correction)}
        for space, correction in table.corrections.items()
        if space not in newest or newest[space].content != json.loads(correction.model_dump_json())
    ]


def _content(table: LookupTable) -> bytes:
    document = table.model_copy(update={"corrections": {}}).model_dump(mode="json")
    return canonical_json(document).encode()


def _better(there: Entry, new: Entry) -> Entry:
    """Return the entry that holds, was measured in this context, has more sessions; else the newer."""
    return there if _standing(there) > _standing(new) else new


def _standing(entry: Entry) -> tuple[bool, bool, int]:
    return entry.holds, not entry.origin, entry.num_sessions


def _versions(device: str, context: str) -> Select[tuple[int, str]]:
    query = select(lookup_tables.c.version, lookup_tables.c.artifact)
    query = query.where(lookup_tables.c.device == device, lookup_tables.c.context == context)
    return query.order_by(lookup_tables.c.version.desc())


def _origins(device: str, context: str) -> Select[Any]:
    """Return the query for the newest version of a table with the job that published it."""
    query = select(lookup_tables.c.version, lookup_tables.c.artifact, jobs.c.kind, jobs.c.spec).join(jobs)
    query = query.where(lookup_tables.c.device == device, lookup_tables.c.context == context)
    return query.order_by(lookup_tables.c.version.desc()).limit(1)


def _newest_corrections(device: str, context: str) -> Select[tuple[str, int, object]]:
    own = (corrections.c.device == device, corrections.c.context == context)
    newest = (
        select(corrections.c.space_digest, func.max(corrections.c.version).label("version"))
        .where(*own)
        .group_by(corrections.c.space_digest)
        .subquery()
    )
    query = select(corrections.c.space_digest, corrections.c.version, corrections.c.content)
    query = query.join(
        newest,
        (newest.c.space_digest == corrections.c.space_digest) & (newest.c.version == corrections.c.version),
    )
    return query.where(*own)
