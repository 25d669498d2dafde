"""A board of a database whose golden subjects and files are measured by hand."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from latency_predictors.golden import SUBJECTS
from latency_predictors.measure import LAYER_PROTOCOL
from latency_predictors.protocol import SessionResult
from nas.leases import Lease
from nas.measurement_tasks import CHECK_RANK, Batch, MeasurementTask
from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.agent_store import Agent, DatabaseAgentStore
from nas.store.audit_log import Actor
from nas.store.golden_store import SESSIONS, Check, DatabaseGoldenStore
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.session_store import DatabaseSessionStore
from tests.latency_predictors.sessions import CONTEXT
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import INSTANCE, new_board, subject_of, tasks_for, told
from tests.nas.store.queued import TENANT, running

GOLDEN = frozenset(SUBJECTS)


def golden_tasks(agent: Agent) -> list[MeasurementTask]:
    """The golden subjects of a board."""
    return [
        MeasurementTask(
            agent.device,
            CONTEXT,
            LAYER_PROTOCOL,
            subject,
            hashlib.sha256(subject.encode()).hexdigest(),
            SESSIONS,
            rank=CHECK_RANK,
        )
        for subject in SUBJECTS
    ]


@dataclass
class CheckedBoard:
    """A board with a job that asks for files.

    Attributes:
        number: Of its last request for work.
    """

    engine: Engine
    agent: Agent
    job: Lease
    number: int = 0

    @classmethod
    def of(cls, engine: Engine) -> "CheckedBoard":
        """A board that was never checked, and a job."""
        job = running(DatabaseJobStore(engine), DatabaseJobQueue(engine))
        return cls(engine, new_board(engine), job)

    @property
    def golden(self) -> DatabaseGoldenStore:
        """Its checks."""
        return DatabaseGoldenStore(self.engine)

    @property
    def measurements(self) -> DatabaseMeasurementQueue:
        """The queue as phases see it."""
        return DatabaseMeasurementQueue(self.engine)

    @property
    def row(self) -> Agent:
        """What the service knows of it now."""
        found = DatabaseAgentStore(self.engine).find(TENANT, self.agent.name)
        assert found is not None
        return found

    def asked(self, *names: str) -> None:
        """Have files measured, and the golden subjects where that was not asked before."""
        self.measurements.enqueue(self.job, [*tasks_for(self.agent, names), *golden_tasks(self.agent)])

    def registers(self, **more: Any) -> None:
        """Start its agent again."""
        actor = Actor("ann", self.agent.key_id)
        self.agent = DatabaseAgentStore(self.engine).register(TENANT, actor, told(**more))

    def works(self, median_ms: float = 0.5) -> tuple[Batch, Check | None]:
        """Measure one batch: what was in it, and what its golden subjects said."""
        self.number += 1
        found = DatabaseAgentQueue(self.engine).ask(self.row, INSTANCE, self.number)
        assert found is not None
        lease, batch = found
        for _ in range(batch.sessions):
            session = timed_session(
                list(batch.artifacts),
                self.agent.device,
                batch.context,
                timing=batch.timing,
                median_ms=median_ms,
            )
            session = session.model_copy(update={"reference_ms": batch.reference_ms or {"anchor": median_ms}})
            self.measurements.deliver(lease, session)
        check = self.golden.take(self.agent.device.digest, CONTEXT.digest) if self.checks(batch) else None
        self.measurements.give_back(lease)
        return batch, check

    def fails(
        self, code: str, subjects: Collection[str] = (), message: str = "it cannot", **more: Any
    ) -> Batch:
        """Get one batch and tell that it, or some subjects, cannot be measured; what was in it."""
        self.number += 1
        found = DatabaseAgentQueue(self.engine).ask(self.row, INSTANCE, self.number)
        assert found is not None
        lease, batch = found
        self.measurements.fail(lease, batch, subjects or list(batch.artifacts), code, message, **more)
        self.measurements.give_back(lease)
        return batch

    def idle(self) -> bool:
        """Whether it gets no work."""
        self.number += 1
        return DatabaseAgentQueue(self.engine).ask(self.row, INSTANCE, self.number) is None

    @staticmethod
    def checks(batch: Batch) -> bool:
        """Whether a batch is a check, and that alone."""
        there = GOLDEN & set(batch.artifacts)
        assert there in (frozenset(), GOLDEN)
        return bool(there)

    def found(self, *names: str) -> dict[str, list[SessionResult]]:
        """The sessions that phases get of files."""
        store = DatabaseSessionStore(self.engine)
        return {
            name: list(store.sessions(self.agent.device.digest, CONTEXT.digest, [subject_of(name)]))
            for name in names
        }
