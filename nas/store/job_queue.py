"""The queue of jobs: claims by lease, renewals, how attempts end, and leases that nobody renews."""

import secrets
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, final

from sqlalchemy import Connection, Engine, Row, Select, and_, case, or_, select, update

from nas.jobs import Fault, Faulted, Infeasible, JobKind, JobState, Outcome, Verdict, Waiting, judge, sources
from nas.leases import Claim, Lease, LeaseLost, LeaseTimes, Renewal
from nas.store import fence
from nas.store.bound import bound_elsewhere, changed, tell_changed
from nas.store.columns import exactly, now_ms
from nas.store.counters import LEASE_LOSSES, Count, add_counts
from nas.store.fence import NewEvent, append_events
from nas.store.session import reading, writing
from nas.store.tables import jobs
from nas.store.waiting import is_ready, queue_ready, still_waits

_SETTLED = (
    jobs.c.id, jobs.c.attempt, jobs.c.worker, jobs.c.faults, jobs.c.faults_without_progress,
    jobs.c.cancel_requested, jobs.c.last_event,
)  # fmt: skip


@dataclass(frozen=True)
class Reaped:
    """A job that was taken from whoever had it.

    Attributes:
        state: Where it went.
        fault: What was found.
    """

    job_id: str
    state: JobState
    fault: Fault


@final
class DatabaseJobQueue:
    """The queue in the database.

    Args:
        engine: Of the database.
        times: How long leases hold.
    """

    def __init__(self, engine: Engine, times: LeaseTimes | None = None) -> None:
        self._engine = engine
        self.times = times or LeaseTimes()

    def claim(
        self,
        worker: str,
        limit: int = 1,
        kinds: Collection[JobKind] = tuple(JobKind),
        device: str | None = None,
    ) -> list[Claim]:
        """Claim up to so many jobs that are due, the oldest first, in one short transaction.

        What was begun and given up goes on before what came later. A row that another claims or reaps just
        now is passed over; in SQLite there is one writer anyway.

        Args:
            worker: Who asks.
            limit: How many at most.
            kinds: Of jobs.
            device: Digest of the worker's: jobs that are bound to another one are left to its workers.
        """
        due = _due(kinds, device).limit(limit)
        if not self._found(due.limit(1)):
            return []
        token = secrets.token_hex(16)
        with writing(self._engine) as connection:
            ids = connection.execute(due.with_for_update(skip_locked=True)).scalars().all()
            if not ids:
                return []
            values: dict[str, Any] = {
                "state": JobState.RUNNING,
                "attempt": jobs.c.attempt + 1,
                "token": token,
                "worker": worker,
                "last_event": jobs.c.last_event + 1,
                "lease_until_ms": now_ms() + self.times.lease_ms,
                "progress_at_ms": now_ms(),
                "changed_at_ms": now_ms(),
            }
            claimable = and_(jobs.c.id.in_(ids), jobs.c.state.in_(sources(JobState.RUNNING)))
            rows = connection.execute(update(jobs).where(claimable).values(values).returning(jobs)).all()
            for row in rows:
                event = NewEvent(JobState.RUNNING, {"worker": worker})
                append_events(connection, row.id, row.attempt, row.last_event, [event])
        return sorted((_claim(row) for row in rows), key=lambda claim: ids.index(claim.lease.job_id))

    def renew(self, progress: Mapping[Lease, int]) -> dict[Lease, Renewal]:
        """Renew leases, each with the watermark that its job has reached.

        A watermark that rises ends the count of faults: whoever gets further is not stuck.
        """
        with writing(self._engine) as connection:
            ordered = sorted(progress.items(), key=lambda one: one[0].job_id)
            return {lease: self._renew(connection, lease, reached) for lease, reached in ordered}

    def settle(self, lease: Lease, outcome: Outcome) -> JobState:
        """End an attempt; return where its job went. Asked again after a lost answer, it answers the same.

        Raises:
            LeaseLost: The job is another's by now, or was taken away.
        """
        with writing(self._engine) as connection:
            # The condition and the lock; what follows is decided on values that cannot change any more.
            locked = (
                update(jobs).where(fence.owned(lease)).values(changed_at_ms=now_ms()).returning(*_SETTLED)
            )
            row = connection.execute(locked).one_or_none()
            if row is None:
                return _settled_before(connection, lease)
            verdict = judge(
                outcome, faults=row.faults_without_progress, cancel_requested=row.cancel_requested
            )
            awaited = outcome.supernet if isinstance(outcome, Waiting) else ""
            if verdict.state is JobState.WAITING and not still_waits(connection, lease.job_id, awaited):
                verdict = Verdict(JobState.QUEUED, 0, verdict.faults)
            _end_attempt(connection, row, verdict, outcome, awaited=awaited)
            return verdict.state

    def reap(self, limit: int = 100) -> list[Reaped]:
        """Take jobs from those who renew no lease or get no further; queue what waits for nothing any more.

        Conditions stand in the query, so that rows which are to be left alone never fill a batch. Where there
        is nothing to do, which is most of the time, nothing is written and nobody waits.
        """
        overdue = jobs.c.lease_until_ms < now_ms()
        stalled = jobs.c.progress_at_ms < now_ms() - self.times.stall_ms
        query = (
            select(*_SETTLED, overdue.label("overdue"))
            .where(exactly(jobs.c.state, JobState.RUNNING), or_(overdue, stalled))
            .order_by(jobs.c.id)
            .limit(limit)
        )
        if not (self._found(query.limit(1)) or self._found(select(jobs.c.id).where(is_ready()).limit(1))):
            return []
        with writing(self._engine) as connection:
            taken = connection.execute(query.with_for_update(skip_locked=True)).all()
            reaped = [self._reap(connection, row) for row in taken]
            lost = Counter(str(one.fault) for one in reaped)
            add_counts(connection, [Count(LEASE_LOSSES, fault, times) for fault, times in lost.items()])
            queue_ready(connection)
            return reaped

    def tell_away(self, served: Collection[str]) -> list[str]:
        """Say of the jobs that are bound to a device where no worker lives that nobody goes on with them.

        Args:
            served: Digests of the devices where one does.

        Returns:
            The jobs that this was not said of before.
        """
        if not any(self._found(query.limit(1)) for query in changed(served)):
            return []
        with writing(self._engine) as connection:
            return tell_changed(connection, served)

    def abandon(self, worker: str) -> int:
        """End the leases of a worker that is known to be gone, for `reap` to take; return how many."""
        held = and_(jobs.c.state == JobState.RUNNING, jobs.c.worker == worker)
        with writing(self._engine) as connection:
            return connection.execute(update(jobs).where(held).values(lease_until_ms=0)).rowcount

    def _found(self, query: Select[Any]) -> bool:
        """Return whether a query finds a row: who reads first is in nobody's way where there is nothing."""
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def _renew(self, connection: Connection, lease: Lease, reached: int) -> Renewal:
        further = jobs.c.progress < reached
        statement = (
            update(jobs)
            .where(fence.owned(lease))
            .values(
                lease_until_ms=now_ms() + self.times.lease_ms,
                progress=case((further, reached), else_=jobs.c.progress),
                progress_at_ms=case((further, now_ms()), else_=jobs.c.progress_at_ms),
                faults_without_progress=case((further, 0), else_=jobs.c.faults_without_progress),
            )
            .returning(jobs.c.cancel_requested)
        )
        cancel = connection.execute(statement).scalar_one_or_none()
        if cancel is None:
            return Renewal.LOST
        return Renewal.CANCEL_REQUESTED if cancel else Renewal.RENEWED

    def _reap(self, connection: Connection, row: Row[Any]) -> Reaped:
        if row.overdue:
            fault, code = Fault.LOST_NODE, "lease_expired"
            message = f"worker {row.worker} did not renew its lease for {self.times.lease_ms / 1000:g} s"
        else:
            fault, code = Fault.STALLED, "no_progress"
            message = f"worker {row.worker} made no progress for {self.times.stall_ms / 1000:g} s"
        outcome = Faulted(fault, code, message)
        verdict = judge(outcome, faults=row.faults_without_progress, cancel_requested=row.cancel_requested)
        # Without its token nobody can say afterwards that the attempt was settled by them.
        _end_attempt(connection, row, verdict, outcome, token="")
        return Reaped(row.id, verdict.state, fault)


def _due(kinds: Collection[JobKind], device: str | None) -> Select[Any]:
    """Return the query for what may be claimed, the oldest first."""
    here = () if device is None else (~bound_elsewhere(device),)
    due = (jobs.c.not_before_ms <= now_ms(), jobs.c.kind.in_(kinds), *here)
    query = select(jobs.c.id).where(exactly(jobs.c.state, JobState.QUEUED), *due)
    return query.order_by(jobs.c.created_at_ms, jobs.c.id)


def _claim(row: Row[Any]) -> Claim:
    lease = Lease(row.id, row.tenant, row.attempt, row.token)
    return Claim(lease, JobKind(row.kind), row.spec, row.progress, row.faults)


def _settled_before(connection: Connection, lease: Lease) -> JobState:
    query = select(jobs.c.state).where(
        jobs.c.id == lease.job_id,
        jobs.c.attempt == lease.attempt,
        jobs.c.token == lease.token,
        jobs.c.state != JobState.RUNNING,
    )
    state = connection.execute(query).scalar_one_or_none()
    if state is None:
        raise LeaseLost(f"job {lease.job_id} is no longer run by attempt {lease.attempt}")
    return JobState(state)


def _end_attempt(
    connection: Connection, row: Row[Any], verdict: Verdict, outcome: Outcome, **values: Any
) -> None:
    """Write where a running job goes whose row is locked, with its event."""
    data: dict[str, Any] = {"reason": type(outcome).__name__.lower()}
    faults = dict(row.faults)
    if isinstance(outcome, Faulted | Infeasible):
        data |= {"code": outcome.code, "message": outcome.message}
    if isinstance(outcome, Faulted):
        fault = str(outcome.fault)
        faults[fault] = faults.get(fault, 0) + 1
        data |= {"fault": fault, "faults": verdict.faults, "delay_ms": verdict.delay_ms}
    if isinstance(outcome, Waiting) and outcome.devices:
        data["devices"] = list(outcome.devices)
    later = verdict.state is JobState.QUEUED and verdict.delay_ms
    ends = verdict.state not in (JobState.QUEUED, JobState.WAITING)
    connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id, jobs.c.attempt == row.attempt, jobs.c.state.in_(sources(verdict.state)))
        .values(
            state=verdict.state,
            faults=faults,
            faults_without_progress=verdict.faults,
            code=data.get("code", ""),
            message=data.get("message", ""),
            changed_at_ms=now_ms(),
            not_before_ms=now_ms() + verdict.delay_ms if later else jobs.c.not_before_ms,
            finished_at_ms=now_ms() if ends else 0,
            last_event=row.last_event + 1,
            **values,
        )
    )
    append_events(connection, row.id, row.attempt, row.last_event + 1, [NewEvent(verdict.state, data)])
