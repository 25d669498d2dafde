"""What was measured, as it was: sessions with their results, never changed."""

import math
from collections.abc import Collection, Mapping
from typing import Any, final

from sqlalchemy import Engine, and_, func, or_, select

from latency_predictors.clock import NS_PER_S
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionResult
from nas.measurement_tasks import protocol_digest
from nas.store.measurement_rows import CHUNK, reference_ms
from nas.store.measurement_tables import job_tasks, measurement_tasks, measurements, sessions
from nas.store.session import reading
from nas.store.tables import jobs


@final
class DatabaseSessionStore:
    """Measuring sessions in the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def sessions(self, device: str, context: str, subjects: Collection[str]) -> tuple[SessionResult, ...]:
        """Return what sessions of a device and context found of some subjects, in the order of delivery.

        What is in doubt is left out where a subject has anything else, and suspect where it has not.

        Args:
            device: Digest of the device.
            context: Digest of the context.
            subjects: Digests; results of others are left out.
        """
        wanted = sorted(subjects)
        contents: dict[int, dict[str, object]] = {}
        results: dict[int, dict[int, dict[str, Any]]] = {}
        doubts: dict[int, bool] = {}
        columns = sessions.c.number, sessions.c.content, sessions.c.doubt
        query = (
            select(*columns, measurements.c.position, measurements.c.result)
            .select_from(sessions)
            .join(measurements)
            .where(sessions.c.device == device, sessions.c.context == context)
        )
        with reading(self._engine) as connection:
            for begin in range(0, len(wanted), CHUNK):
                chunk = measurements.c.subject.in_(wanted[begin : begin + CHUNK])
                for row in connection.execute(query.where(chunk)):
                    contents[row.number] = row.content
                    doubts[row.number] = bool(row.doubt)
                    results.setdefault(row.number, {})[row.position] = row.result
        sound = _sound(results, doubts)
        kept = {
            number: [_told(found[place], sound, doubted=doubts[number]) for place in sorted(found)]
            for number, found in sorted(results.items())
        }
        told = {number: [one for one in found if one is not None] for number, found in kept.items()}
        return tuple(
            SessionResult.model_validate({**contents[number], "results": found})
            for number, found in told.items()
            if found
        )

    def last(self, device: str, context: str, timing: TimingProtocol) -> SessionResult | None:
        """Return the last session of a device and context that was timed so; None before the first.

        Args:
            device: Digest of the device.
            context: Digest of the context.
            timing: How.
        """
        there = and_(sessions.c.device == device, sessions.c.context == context)
        alike = and_(there, sessions.c.protocol == protocol_digest(timing))
        number = select(func.max(sessions.c.number)).where(alike).scalar_subquery()
        query = select(sessions.c.content, measurements.c.result).join(measurements)
        query = query.where(there, sessions.c.number == number).order_by(measurements.c.position)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        found = [row.result for row in rows]
        return SessionResult.model_validate({**rows[0].content, "results": found}) if rows else None

    def conditions(self, device: str, context: str, limit: int = 200) -> tuple[SessionResult, ...]:
        """Return the newest sessions of a device and context without their results, in the order of delivery.

        Args:
            device: Digest of the device.
            context: Digest of the context.
            limit: At most so many.
        """
        query = select(sessions.c.content).where(sessions.c.device == device, sessions.c.context == context)
        query = query.order_by(sessions.c.number.desc()).limit(limit)
        with reading(self._engine) as connection:
            contents = connection.execute(query).scalars().all()
        return tuple(SessionResult.model_validate({**one, "results": []}) for one in reversed(contents))

    def device_seconds(self, job_id: str) -> float:
        """Return for how long devices were held to measure what a job queued, so far.

        Sessions since the job was submitted, from their first look at the anchors to their last, each once.
        One that measured for others too counts by the share of its files that this job waited for.
        """
        asked = and_(
            measurement_tasks.c.device == sessions.c.device,
            measurement_tasks.c.context == sessions.c.context,
            measurement_tasks.c.protocol == sessions.c.protocol,
            measurement_tasks.c.subject == measurements.c.subject,
        )
        own = (
            select(sessions.c.id, func.count().label("own"))
            .select_from(job_tasks)
            .join(jobs, jobs.c.id == job_tasks.c.job_id)
            .join(measurement_tasks, measurement_tasks.c.id == job_tasks.c.task_id)
            .join(measurements, measurements.c.subject == measurement_tasks.c.subject)
            .join(sessions, and_(sessions.c.id == measurements.c.session_id, asked))
            .where(job_tasks.c.job_id == job_id, sessions.c.delivered_at_ms >= jobs.c.created_at_ms)
            .group_by(sessions.c.id)
            .subquery()
        )
        whole = (
            select(func.count())
            .where(measurements.c.session_id == sessions.c.id)
            .correlate(sessions)
            .scalar_subquery()
        )
        query = select(sessions.c.content, own.c.own, whole.label("whole")).join(
            own, own.c.id == sessions.c.id
        )
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return math.fsum(_span_s(row.content) * row.own / row.whole for row in rows)

    def reference_ms(self, device: str, context: str) -> dict[str, float]:
        """Return the medians of the anchors that count as scale 1 there; empty before the first session."""
        with reading(self._engine) as connection:
            return reference_ms(connection, device, context)

    def references(self, device: str, context: str, session_id: str) -> tuple[dict[str, float], ...]:
        """Return the references that a session may have: of the last ones there, and its own if it is kept.

        The last of all, and the last that is not in doubt: which of them a board was told depends on when it
        asked.
        """
        there = and_(sessions.c.device == device, sessions.c.context == context)
        last = select(func.max(sessions.c.number)).where(there)
        numbers = (last.scalar_subquery(), last.where(sessions.c.doubt == "").scalar_subquery())
        these = or_(sessions.c.id == session_id, *(sessions.c.number == one for one in numbers))
        with reading(self._engine) as connection:
            contents = connection.execute(select(sessions.c.content).where(there, these)).scalars()
            return tuple(content["reference_ms"] for content in contents)


def _sound(
    results: Mapping[int, Mapping[int, Mapping[str, Any]]], doubts: Mapping[int, bool]
) -> frozenset[str]:
    """Return the subjects that a session without doubt has measured."""
    kept = (found for number, found in results.items() if not doubts[number])
    return frozenset(result["digest"] for found in kept for result in found.values())


def _told(result: dict[str, Any], sound: Collection[str], *, doubted: bool) -> dict[str, Any] | None:
    if not doubted:
        return result
    return None if result["digest"] in sound else {**result, "suspect": True}


def _span_s(content: dict[str, Any]) -> float:
    times = [reading["at_ns"] for reading in content["readings"]]
    return float(max(times) - min(times)) / NS_PER_S if times else 0.0
