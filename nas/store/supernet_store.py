"""Supernets by what they were trained from, and the checkpoints of those in training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, final

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, or_, select, update

from nas.leases import Lease
from nas.store.checkpoint_rows import forget_checkpoints
from nas.store.columns import now_ms
from nas.store.fence import NewEvent, fenced
from nas.store.ids import new_id
from nas.store.inserts import insert_new, insert_or_replace
from nas.store.model_tables import checkpoints, supernets
from nas.store.pages import Listed, newest
from nas.store.session import one_at_a_time, reading
from nas.store.waiting import in_training
from search_spaces.errors import UsageError

KEPT: Final = 2
"""Generations of checkpoints: the one before the newest is for the day that the newest is damaged."""

DISCARDED: Final = "discarded"
"""Name in a summary: what was told of trainings whose weights were damaged, oldest first."""


@dataclass(frozen=True)
class SupernetKey:
    """What tells supernets apart, whatever the number of their epochs.

    Attributes:
        recipe: Name of the recipe with everything of it that changes weights.
    """

    space_digest: str
    dataset_digest: str
    recipe: str
    seed: int


@dataclass(frozen=True)
class StoredSupernet:
    """A supernet, in training or trained.

    Attributes:
        weights: Digest of the artifact, empty while it is trained.
        summary: What is told of it once it is trained.
        trainer: Identifier of the job that trains it, or did last.
    """

    id: str
    key: SupernetKey
    epochs: int
    weights: str
    trainer: str
    summary: Mapping[str, Any]
    created_at_ms: int
    finished_at_ms: int


@dataclass(frozen=True)
class StoredCheckpoint:
    """A state of a training.

    Attributes:
        epoch: Epochs done.
        artifacts: Digests of its files, by their names.
        seconds: Spent on training so far.
    """

    epoch: int
    artifacts: Mapping[str, str]
    seconds: float


@final
class DatabaseSupernetStore:
    """Supernets in the database. Reading asks for the tenant, writing for the lease."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(
        self, lease: Lease, key: SupernetKey, epochs: int, owner: str = "", *, enough: int | None = None
    ) -> StoredSupernet:
        """Take the training of a key and so many epochs, unless it is trained or another attempt is at it.

        Where nobody has begun it there is a new supernet then. Whose attempt has ended is at nothing: its
        training is taken over. It is the caller's to train where it has no weights and he is its trainer.

        Args:
            lease: Of the job that would train.
            key: What tells it apart.
            epochs: To train for.
            owner: Of a new one.
            enough: Epochs with which one that is trained, or trained by another now, will do; None for
                `epochs` alone.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        others = and_(in_training(), supernets.c.job_id != lease.job_id)
        with fenced(self._engine, lease) as connection:
            # Two that begin at this moment have no row to meet at, and may have chosen other epochs.
            one_at_a_time(connection, f"train {lease.tenant} {key}")
            if enough is not None:
                will_do = and_(_of(lease.tenant, key), supernets.c.epochs >= enough)
                if found := self._best(connection, will_do, others):
                    return found
            row = {
                **asdict(key),
                "id": new_id(),
                "tenant": lease.tenant,
                "owner": owner,
                "epochs": epochs,
                "weights": "",
                "summary": {},
            }
            insert_new(connection, supernets, [{**row, "created_at_ms": now_ms(), "finished_at_ms": 0}])
            own = and_(_of(lease.tenant, key), supernets.c.epochs == epochs)
            taken = {"job_id": lease.job_id, "attempt": lease.attempt}
            untaken = and_(own, supernets.c.weights == "", ~others)
            connection.execute(update(supernets).where(untaken).values(taken))
            return _supernet(connection.execute(select(supernets).where(own)).one())

    @staticmethod
    def _best(
        connection: Connection, will_do: ColumnElement[bool], others: ColumnElement[bool]
    ) -> StoredSupernet | None:
        """Return the trained supernet of most epochs, else one that others train, else None."""
        query = select(supernets).where(will_do, or_(supernets.c.weights != "", others))
        rows = connection.execute(query.order_by(supernets.c.epochs.desc())).all()
        trained = [row for row in rows if row.weights]
        return _supernet((trained or rows)[0]) if rows else None

    def find(self, tenant: str, key: SupernetKey) -> tuple[StoredSupernet, ...]:
        """Return the supernets of that key, trained or not, the most epochs first."""
        query = select(supernets).where(_of(tenant, key)).order_by(supernets.c.epochs.desc())
        with reading(self._engine) as connection:
            return tuple(_supernet(row) for row in connection.execute(query))

    def list_all(self, tenant: str) -> tuple[StoredSupernet, ...]:
        """Return all supernets of a tenant, newest first."""
        query = select(supernets).where(supernets.c.tenant == tenant)
        query = query.order_by(supernets.c.created_at_ms.desc(), supernets.c.id.desc())
        with reading(self._engine) as connection:
            return tuple(_supernet(row) for row in connection.execute(query))

    def page(self, tenant: str, limit: int = 50, cursor: str | None = None) -> Listed[StoredSupernet]:
        """Return a page of the same list; one that is begun meanwhile moves no other to another page.

        Raises:
            UsageError: `invalid_cursor`.
        """
        query = select(supernets).where(supernets.c.tenant == tenant)
        order = (supernets.c.created_at_ms, supernets.c.id)
        with reading(self._engine) as connection:
            found = newest(connection, query, order, limit, cursor)
        return Listed(tuple(_supernet(row) for row in found.items), found.cursor)

    def get(self, tenant: str, supernet_id: str) -> StoredSupernet:
        """Return a supernet.

        Raises:
            UsageError: `unknown_supernet`.
        """
        query = select(supernets).where(supernets.c.tenant == tenant, supernets.c.id == supernet_id)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise UsageError(
                "unknown_supernet", f"there is no supernet '{supernet_id}': list them to see which there are"
            )
        return _supernet(row)

    def save_checkpoint(self, lease: Lease, supernet_id: str, checkpoint: StoredCheckpoint) -> set[str]:
        """Note a checkpoint whose artifacts are stored, and forget those older than the one before it.

        Returns:
            Digests that no checkpoint names any more: to be removed now that this is committed, not before.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        row = {
            "supernet_id": supernet_id,
            "epoch": checkpoint.epoch,
            "artifacts": dict(checkpoint.artifacts),
            "seconds": checkpoint.seconds,
            "job_id": lease.job_id,
            "attempt": lease.attempt,
        }
        event = NewEvent("checkpoint", {"supernet": supernet_id, "epoch": checkpoint.epoch})
        with fenced(self._engine, lease, event) as connection:
            insert_or_replace(connection, checkpoints, {**row, "saved_at_ms": now_ms()})
            return forget_checkpoints(connection, supernet_id, keep=KEPT)

    def checkpoints(self, tenant: str, supernet_id: str) -> tuple[StoredCheckpoint, ...]:
        """Return the checkpoints of a supernet, newest first; whoever loads one verifies it."""
        query = (
            select(checkpoints)
            .join(supernets, supernets.c.id == checkpoints.c.supernet_id)
            .where(supernets.c.tenant == tenant, supernets.c.id == supernet_id)
            .order_by(checkpoints.c.epoch.desc())
        )
        with reading(self._engine) as connection:
            return tuple(
                StoredCheckpoint(row.epoch, row.artifacts, row.seconds) for row in connection.execute(query)
            )

    def answers(self, tenant: str, supernet_id: str, name: str = "answers") -> str:
        """Return the digest of the answers of scored subnets, empty where none are kept.

        Args:
            tenant: Whose supernet.
            supernet_id: Which one.
            name: Of the answers: those of another precision have a name of their own.

        Raises:
            UsageError: `unknown_supernet`.
        """
        return str(self.get(tenant, supernet_id).summary.get(name, ""))

    def keep_answers(self, lease: Lease, supernet_id: str, digest: str, name: str = "answers") -> None:
        """Keep the answers of scored subnets with a trained supernet, for every search on it.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        own = and_(supernets.c.id == supernet_id, supernets.c.tenant == lease.tenant)
        with fenced(self._engine, lease) as connection:
            summary = connection.execute(select(supernets.c.summary).where(own)).scalar_one()
            known = {**summary, name: digest}
            connection.execute(update(supernets).where(own).values(summary=known))

    def finish(self, lease: Lease, supernet_id: str, weights: str, summary: Mapping[str, Any]) -> set[str]:
        """Note the weights of a trained supernet, and forget its checkpoints.

        Returns:
            Digests that no checkpoint names any more, as `save_checkpoint`.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        own = and_(supernets.c.id == supernet_id, supernets.c.tenant == lease.tenant)
        event = NewEvent("supernet", {"supernet": supernet_id, "weights": weights})
        with fenced(self._engine, lease, event) as connection:
            known = connection.execute(select(supernets.c.summary).where(own)).scalar_one()
            values = {"weights": weights, "summary": {**known, **summary}, "finished_at_ms": now_ms()}
            connection.execute(update(supernets).where(own).values(values))
            return forget_checkpoints(connection, supernet_id, keep=0) - {weights}

    def discard(self, lease: Lease, supernet_id: str, weights: str) -> None:
        """Have a supernet trained again, because its weights are damaged.

        What was told of it stands in its summary from then on, under `discarded`. Where another has discarded
        them, or trained it again, nothing changes.

        Args:
            lease: Of the job that has found the damage.
            supernet_id: Which one.
            weights: Digest of what is damaged.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        own = and_(supernets.c.id == supernet_id, supernets.c.tenant == lease.tenant)
        event = NewEvent("discarded", {"supernet": supernet_id, "weights": weights})
        with fenced(self._engine, lease, event) as connection:
            row = connection.execute(select(supernets).where(own)).one()
            told = {name: value for name, value in row.summary.items() if name != DISCARDED}
            old = {**told, "weights": row.weights, "finished_at_ms": row.finished_at_ms}
            summary = {DISCARDED: [*row.summary.get(DISCARDED, []), old]}
            values = {"weights": "", "finished_at_ms": 0, "summary": summary}
            damaged = and_(own, supernets.c.weights == weights)
            connection.execute(update(supernets).where(damaged).values(values))


def _of(tenant: str, key: SupernetKey) -> ColumnElement[bool]:
    columns = (supernets.c[name] == value for name, value in asdict(key).items())
    return and_(supernets.c.tenant == tenant, *columns)


def _supernet(row: Row[Any]) -> StoredSupernet:
    return StoredSupernet(
        id=row.id,
        key=SupernetKey(row.space_digest, row.dataset_digest, row.recipe, row.seed),
        epochs=row.epochs,
        weights=row.weights,
        trainer=row.job_id,
        summary=row.summary,
        created_at_ms=row.created_at_ms,
        finished_at_ms=row.finished_at_ms,
    )
