"""The queue of each device: what is to be measured there, who does it, and what came of it."""

import secrets
from collections.abc import Collection, Sequence
from typing import final

from sqlalchemy import ColumnElement, Connection, Engine, and_, select, update

from latency_predictors.agent_protocol import Score
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult
from nas.leases import Lease, LeaseLost, LeaseTimes
from nas.measurement_tasks import (
    Batch,
    DeviceLease,
    FailedTask,
    MeasurementTask,
    TaskReport,
    protocol_digest,
)
from nas.store.board_scores import Answers, keep_scores, scores_of
from nas.store.columns import exactly, now_ms
from nas.store.counters import MEASUREMENTS, Count, add_counts
from nas.store.deliveries import Delivered, Kept, finish_tasks, keep_sessions, locked_leases
from nas.store.doubts import doubt
from nas.store.fence import NewEvent, fenced
from nas.store.handing_out import due
from nas.store.measurement_rows import CHUNK, add_tasks, among, batches, wake
from nas.store.measurement_tables import devices, measurement_tasks
from nas.store.session import reading, writing
from nas.store.troubles import fail_tasks, first_told
from nas.store.waiting import DONE, IN_TURN
from search_spaces.errors import UsageError


@final
class DatabaseMeasurementQueue:
    """Measurement queues in the database."""

    def __init__(self, engine: Engine, times: LeaseTimes | None = None) -> None:
        self._engine = engine
        self._times = times or LeaseTimes()

    @property
    def renew_every_s(self) -> float:
        """How often whoever measures on a device is to renew its lease: two may be missed."""
        return self._times.renew_every_ms / 1000

    def enqueue(self, lease: Lease, tasks: Sequence[MeasurementTask], owner: str = "") -> TaskReport:
        """Queue what has not been measured, and have the job wait for what is pending.

        A task that another job has queued is the same task. Asking again changes nothing.

        Raises:
            LeaseLost: The job is another's; nothing was written.
        """
        with fenced(self._engine, lease, NewEvent("measurements", {"asked": len(tasks)})) as connection:
            return add_tasks(connection, lease, owner, tasks)

    def measured(
        self, device: str, context: str, timing: TimingProtocol, subjects: Collection[str]
    ) -> dict[str, int]:
        """Return which subjects are measured in all sessions that were asked for, and in how many."""
        wanted, found = sorted(subjects), dict[str, int]()
        query = select(measurement_tasks.c.subject, measurement_tasks.c.sessions)
        query = query.where(exactly(measurement_tasks.c.state, DONE))
        with reading(self._engine) as connection:
            for begin in range(0, len(wanted), CHUNK):
                these = among(device, context, protocol_digest(timing), wanted[begin : begin + CHUNK])
                found |= {row.subject: row.sessions for row in connection.execute(query.where(these))}
        return found

    def lease(self, device: str, worker: str) -> tuple[DeviceLease, tuple[Batch, ...]] | None:
        """Lease a device to measure all that is due there; None where nothing is, or another measures.

        Args:
            device: Digest of the device.
            worker: Who asks.
        """
        asked = select(measurement_tasks).where(due(device))
        with reading(self._engine) as connection:
            if connection.execute(asked.limit(1)).first() is None:
                return None
        token = secrets.token_hex(16)
        with writing(self._engine) as connection:
            rows = connection.execute(asked.order_by(*IN_TURN)).all()
            if not rows:
                return None
            taken = (
                update(devices)
                .where(devices.c.digest == device, devices.c.lease_until_ms < now_ms())
                .values(
                    lease_attempt=devices.c.lease_attempt + 1,
                    lease_token=token,
                    lease_worker=worker,
                    lease_until_ms=now_ms() + self._times.lease_ms,
                )
                .returning(devices.c.lease_attempt)
            )
            attempt = connection.execute(taken).scalar_one_or_none()
            if attempt is None:
                return None
            return DeviceLease(device, worker, attempt, token), tuple(batches(connection, device, rows))

    def hold(self, device: str, worker: str) -> DeviceLease:
        """Lease a device to deliver what was measured there without a lease.

        Raises:
            UsageError: `device_busy` while somebody measures there.
        """
        token = secrets.token_hex(16)
        taken = update(devices).where(devices.c.digest == device, devices.c.lease_until_ms < now_ms())
        values = {"lease_attempt": devices.c.lease_attempt + 1, "lease_token": token, "lease_worker": worker}
        values |= {"lease_until_ms": now_ms() + self._times.lease_ms}
        with writing(self._engine) as connection:
            made = taken.values(values).returning(devices.c.lease_attempt)
            attempt = connection.execute(made).scalar_one_or_none()
        if attempt is None:
            raise UsageError(
                "device_busy", "its agent measures there just now: end it, or try again when it is done"
            )
        return DeviceLease(device, worker, attempt, token)

    def renew(self, lease: DeviceLease, measured: int = 0, to_measure: int = 0) -> None:
        """Keep the device, and tell whoever watches how many of how many files are measured.

        Raises:
            LeaseLost: Another measures there by now.
        """
        told = {"measured": measured, "to_measure": to_measure}
        with writing(self._engine) as connection:
            self._hold(connection, lease)
            connection.execute(update(devices).where(devices.c.digest == lease.device).values(told))

    def progress(self, device: str) -> tuple[int, int]:
        """Return how many of how many files are measured; zeros where nobody has the device."""
        query = select(devices.c.measured, devices.c.to_measure).where(
            devices.c.digest == device, devices.c.lease_until_ms >= now_ms()
        )
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return (row.measured, row.to_measure) if row else (0, 0)

    def deliver(self, lease: DeviceLease, session: SessionResult) -> int:
        """Keep results of a session, each once; return how many were new.

        Tasks with as many sessions as were asked for are done, and jobs that waited for nothing else go on.
        Delivering again what is there already changes nothing, whoever has the device by then.

        Raises:
            LeaseLost: Another measures there by now: who knows what disturbed this session. Nothing was kept.
            MeasurementError: `context_mismatch` where the session ran on another device.
            ArtifactError: `result_conflict` where it was delivered with other values.
        """
        (kept,) = self.deliver_all([(lease, session)])
        if isinstance(kept, Exception):
            raise kept
        return kept

    def deliver_all(self, deliveries: Sequence[tuple[DeviceLease, SessionResult]]) -> list[Kept]:
        """Keep sessions of several devices in one transaction, each or none of it as `deliver` does.

        Returns:
            For each how many results were new, or the error that `deliver` would raise.
        """
        delivered = [Delivered(lease, session) for lease, session in deliveries]
        told: dict[int, Kept] = {}
        with writing(self._engine) as connection:
            leases = locked_leases(connection, {one.lease.device for one in delivered})
            while left := [i for i in range(len(delivered)) if i not in told]:
                # One that comes twice meets what the first of it has left.
                first = {delivered[i].id: i for i in reversed(left)}.values()
                kept = keep_sessions(connection, [delivered[i] for i in first], leases, self._times.lease_ms)
                told |= dict(zip(first, kept, strict=True))
            new = {i: one for i, one in told.items() if isinstance(one, int) and one}
            if new:
                add_counts(connection, [Count(MEASUREMENTS, times=sum(new.values()))])
                if finished := finish_tasks(connection, [delivered[i] for i in new]):
                    wake(connection, finished)
        return [told[i] for i in range(len(delivered))]

    def doubt_all(self, lease: DeviceLease, context: str, why: str) -> int:
        """Doubt all sessions of a device in a context; return how many results they had.

        These are measured again; the next session there sets a new reference.

        Args:
            lease: Of the device.
            context: Digest of the context.
            why: In words.

        Raises:
            LeaseLost: Another measures there by now; nothing was changed.
        """
        with writing(self._engine) as connection:
            self._hold(connection, lease)
            return doubt(connection, lease.device, context, 0, why)

    def deliver_scores(self, lease: DeviceLease, context: str, scores: Sequence[Score]) -> int:
        """Keep what files answered for images, each once; return how many were new.

        Raises:
            LeaseLost: Another measures there by now; nothing was kept.
            ArtifactError: `result_conflict` where one was delivered with other answers.
        """
        with writing(self._engine) as connection:
            self._hold(connection, lease)
            new = keep_scores(connection, lease.device, context, scores, lease.worker)
            wake(connection, [lease.device])
            return new

    def answers(self, device: str, context: str, images: str, subjects: Collection[str]) -> Answers:
        """Return the class that each file named for each of some images on a device, by file."""
        with reading(self._engine) as connection:
            return scores_of(connection, device, context, images, subjects)

    def fail(
        self,
        lease: DeviceLease,
        batch: Batch,
        subjects: Collection[str],
        code: str,
        message: str,
        *,
        own: bool = False,
        of: str = "",
    ) -> int:
        """Note that files cannot be measured; jobs that wait for what has failed go on and are told why.

        Args:
            lease: Of the device.
            batch: They belong to.
            subjects: Which.
            code: Of the error.
            message: Of the error.
            own: Whether each file itself failed, as in `troubles.fail_tasks`.
            of: Digest of this trouble, which may come again, and counts once; empty where it cannot.

        Returns:
            How many were pending: none where they have failed before, or this was told before.

        Raises:
            LeaseLost: Another measures there by now.
        """
        with writing(self._engine) as connection:
            self._hold(connection, lease)
            if not first_told(connection, lease.device, of):
                return 0
            why = FailedTask("", code, message)
            failed = fail_tasks(connection, lease.device, batch, subjects, why, own=own)
            wake(connection, [lease.device])
            return failed

    def abandon(self, worker: str) -> None:
        """End the leases of devices that a worker holds which is known to be gone."""
        held = devices.c.lease_worker == worker
        with writing(self._engine) as connection:
            connection.execute(update(devices).where(held).values(lease_until_ms=0))

    def give_back(self, lease: DeviceLease) -> None:
        """End the lease; nothing happens where it has ended."""
        with writing(self._engine) as connection:
            connection.execute(update(devices).where(_held(lease)).values(lease_until_ms=0))

    def _hold(self, connection: Connection, lease: DeviceLease) -> None:
        """Check, renew and lock the lease until the commit."""
        until = now_ms() + self._times.lease_ms
        held = update(devices).where(_held(lease)).values(lease_until_ms=until).returning(devices.c.digest)
        if connection.execute(held).one_or_none() is None:
            raise LeaseLost(f"device {lease.device[:12]} is no longer leased by attempt {lease.attempt}")


def _held(lease: DeviceLease) -> ColumnElement[bool]:
    return and_(
        devices.c.digest == lease.device,
        devices.c.lease_attempt == lease.attempt,
        devices.c.lease_token == lease.token,
        devices.c.lease_until_ms > 0,
    )
