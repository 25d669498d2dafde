"""What a search found: candidates, subnets, fronts, and the files that were delivered of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

from sqlalchemy import Connection, Engine, Row, select, tuple_

from nas.leases import Lease
from nas.store.columns import now_ms
from nas.store.fence import NewEvent, fenced
from nas.store.ids import new_id
from nas.store.inserts import insert_new, insert_or_replace
from nas.store.model_tables import candidates, exports, fronts, subnets
from nas.store.session import reading
from nas.store.tables import jobs
from search_spaces.errors import ArtifactError, UsageError

MAX_PAGE: Final = 1_000
_CHUNK: Final = 500


@dataclass(frozen=True)
class StoredCandidate:
    """An architecture that was evaluated for a target.

    Attributes:
        target: Index of the target.
        fidelity: How its values were found: `predicted`, `verified`, ...
        values: By objective or cost; and whether its latency is suspect.
    """

    target: int
    architecture_digest: str
    fidelity: str
    architecture: Mapping[str, Any]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class StoredSubnet:
    """An architecture with weights.

    Attributes:
        weights: Digest of weights of its own; empty where they are the supernet's.
    """

    id: str
    supernet_id: str
    architecture_digest: str
    architecture: Mapping[str, Any]
    weights: str


@dataclass(frozen=True)
class StoredExport:
    """A delivered file.

    Attributes:
        file: Digest of the artifact.
        card: What is told of it.
    """

    id: str
    job_id: str
    name: str
    format: str
    file: str
    card: Mapping[str, Any]


@final
class DatabaseFrontStore:
    """Fronts in the database. Reading asks for the tenant, writing for the lease."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_candidates(self, lease: Lease, found: Sequence[StoredCandidate]) -> int:
        """Keep what was evaluated, each once; return how many were new.

        Raises:
            ArtifactError: `result_conflict` where one is there with other values: equal work gives equal
                results, so one of both is wrong. Nothing was written.
            LeaseLost: The job is another's; nothing was written.
        """
        rows = [
            {**_candidate_row(one), "job_id": lease.job_id, "attempt": lease.attempt, "saved_at_ms": now_ms()}
            for one in found
        ]
        new = 0
        with fenced(self._engine, lease, NewEvent("candidates", {"count": len(rows)})) as connection:
            for begin in range(0, len(rows), _CHUNK):
                chunk = rows[begin : begin + _CHUNK]
                inserted = insert_new(connection, candidates, chunk)
                if inserted < len(chunk):
                    _check_same(connection, lease.job_id, found[begin : begin + _CHUNK])
                new += inserted
        return new

    def candidates(
        self,
        tenant: str,
        job_id: str,
        target: int,
        *,
        after: tuple[str, str] = ("", ""),
        limit: int = MAX_PAGE,
    ) -> tuple[StoredCandidate, ...]:
        """Return candidates of a search for a target by the digests of their architectures and fidelity.

        Args:
            tenant: Whose.
            job_id: Of the search.
            target: Index of the target.
            after: Digest and fidelity of the last one of the page before.
            limit: At most `MAX_PAGE`.
        """
        query = (
            select(candidates)
            .join(jobs, jobs.c.id == candidates.c.job_id)
            .where(jobs.c.tenant == tenant, jobs.c.id == job_id, candidates.c.target == target)
            .where(tuple_(candidates.c.architecture_digest, candidates.c.fidelity) > after)
            .order_by(candidates.c.architecture_digest, candidates.c.fidelity)
            .limit(max(1, min(limit, MAX_PAGE)))
        )
        with reading(self._engine) as connection:
            return tuple(_candidate(row) for row in connection.execute(query))

    def save_front(self, lease: Lease, target: int, content: str) -> None:
        """Keep the front for a target, in place of the one before.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        row = {"job_id": lease.job_id, "target": target, "content": content, "attempt": lease.attempt}
        with fenced(self._engine, lease, NewEvent("front", {"target": target})) as connection:
            insert_or_replace(connection, fronts, {**row, "saved_at_ms": now_ms()})

    def front(self, tenant: str, job_id: str, target: int) -> str | None:
        """Return the front of a search for a target, None where there is none yet."""
        query = (
            select(fronts.c.content)
            .join(jobs, jobs.c.id == fronts.c.job_id)
            .where(jobs.c.tenant == tenant, jobs.c.id == job_id, fronts.c.target == target)
        )
        with reading(self._engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def add_subnet(
        self, lease: Lease, supernet_id: str, digest: str, architecture: Mapping[str, Any], weights: str = ""
    ) -> StoredSubnet:
        """Return the subnet of a supernet with that architecture and those weights; a new one if need be.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        key = {"supernet_id": supernet_id, "architecture_digest": digest, "weights": weights}
        row = {**key, "id": new_id(), "tenant": lease.tenant, "owner": ""}
        with fenced(self._engine, lease) as connection:
            new = {**row, "architecture": dict(architecture), "created_at_ms": now_ms()}
            insert_new(connection, subnets, [new])
            query = select(subnets).where(subnets.c.tenant == lease.tenant)
            return _subnet(connection.execute(query.filter_by(**key)).one())

    def subnet(self, tenant: str, subnet_id: str) -> StoredSubnet:
        """Return a subnet.

        Raises:
            UsageError: `unknown_subnet`.
        """
        query = select(subnets).where(subnets.c.tenant == tenant, subnets.c.id == subnet_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UsageError("unknown_subnet", f"there is no subnet '{subnet_id}': see the front of a search")
        return _subnet(row)

    def add_export(
        self, lease: Lease, name: str, format_: str, file: str, card: Mapping[str, Any]
    ) -> StoredExport:
        """Keep a delivered file whose artifact is stored; the same one again is the same row.

        Raises:
            ArtifactError: `result_conflict` where the job delivered another file under that name and format.
            LeaseLost: The job is another's; nothing was written.
        """
        row: dict[str, Any] = {"name": name, "format": format_, "file": file, "card": dict(card)}
        row |= {"id": new_id(), "tenant": lease.tenant, "owner": ""}
        row |= {"job_id": lease.job_id, "attempt": lease.attempt}
        event = NewEvent("export", {"name": name, "format": format_, "file": file})
        with fenced(self._engine, lease, event) as connection:
            insert_new(connection, exports, [{**row, "created_at_ms": now_ms()}])
            query = select(exports).filter_by(job_id=lease.job_id, name=name, format=format_)
            kept = _export(connection.execute(query).one())
            if kept.file != file:
                raise _conflict(f"export {name} ({format_})")
            return kept

    def exports(self, tenant: str, job_id: str) -> tuple[StoredExport, ...]:
        """Return the delivered files of a job, by name."""
        query = select(exports).where(exports.c.tenant == tenant, exports.c.job_id == job_id)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(exports.c.name, exports.c.format))
            return tuple(_export(row) for row in rows)

    def export(self, tenant: str, export_id: str) -> StoredExport:
        """Return a delivered file.

        Raises:
            UsageError: `unknown_export`.
        """
        query = select(exports).where(exports.c.tenant == tenant, exports.c.id == export_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UsageError("unknown_export", f"there is no export '{export_id}': see those of a search")
        return _export(row)


def _check_same(connection: Connection, job_id: str, found: Sequence[StoredCandidate]) -> None:
    keys = tuple_(candidates.c.target, candidates.c.architecture_digest, candidates.c.fidelity)
    # As JSON has it: tuples come back as lists.
    stored = [StoredCandidate(**json.loads(json.dumps(_candidate_row(one)))) for one in found]
    wanted = {(one.target, one.architecture_digest, one.fidelity): one for one in stored}
    query = select(candidates).where(candidates.c.job_id == job_id, keys.in_(list(wanted)))
    for row in connection.execute(query):
        there = _candidate(row)
        if there != wanted[row.target, row.architecture_digest, row.fidelity]:
            raise _conflict(f"candidate {row.architecture_digest[:12]} ({row.fidelity})")


def _conflict(what: str) -> ArtifactError:
    return ArtifactError(
        "result_conflict", f"{what} is stored with other content: run the search again, and report it"
    )


def _candidate_row(one: StoredCandidate) -> dict[str, Any]:
    return {
        "target": one.target,
        "architecture_digest": one.architecture_digest,
        "fidelity": one.fidelity,
        "architecture": dict(one.architecture),
        "values": dict(one.values),
    }


def _candidate(row: Row[Any]) -> StoredCandidate:
    # By name: a row's own `target` and `values` would be methods of tuples.
    fields = row._mapping
    return StoredCandidate(**{name: fields[name] for name in StoredCandidate.__dataclass_fields__})


def _subnet(row: Row[Any]) -> StoredSubnet:
    return StoredSubnet(row.id, row.supernet_id, row.architecture_digest, row.architecture, row.weights)


def _export(row: Row[Any]) -> StoredExport:
    return StoredExport(row.id, row.job_id, row.name, row.format, row.file, row.card)
