"""The durable state of an installation, opened: the database and the artifact store."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from sqlalchemy import Engine

from nas.job_records import Job
from nas.leases import Claim, LeaseTimes
from nas.ports import Artifacts
from nas.settings import Settings
from nas.store.agent_queue import DatabaseAgentQueue
from nas.store.agent_store import DatabaseAgentStore
from nas.store.artifacts import open_artifacts
from nas.store.audit_log import DatabaseAuditLog
from nas.store.board_signs import DatabaseBoardSigns
from nas.store.bundle_store import DatabaseBundleStore
from nas.store.dataset_store import DatabaseDatasetStore
from nas.store.front_store import DatabaseFrontStore
from nas.store.golden_store import DatabaseGoldenStore
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_run import JobRun, StoredJob
from nas.store.job_store import DatabaseJobStore
from nas.store.key_store import DatabaseKeyStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.operations import DatabaseOperations
from nas.store.result_store import DatabaseResultStore
from nas.store.schema import open_database
from nas.store.session_store import DatabaseSessionStore
from nas.store.supernet_store import DatabaseSupernetStore
from nas.store.table_store import DatabaseTableStore
from nas.store.workers import DatabaseWorkers


@dataclass(frozen=True)
class Stores:
    """Everything that lasts, by what is asked of it."""

    engine: Engine
    artifacts: Artifacts
    jobs: DatabaseJobStore
    queue: DatabaseJobQueue
    results: DatabaseResultStore
    measurements: DatabaseMeasurementQueue
    sessions: DatabaseSessionStore
    supernets: DatabaseSupernetStore
    tables: DatabaseTableStore
    fronts: DatabaseFrontStore
    datasets: DatabaseDatasetStore
    workers: DatabaseWorkers
    keys: DatabaseKeyStore
    audit: DatabaseAuditLog
    operations: DatabaseOperations
    agents: DatabaseAgentStore
    agent_queue: DatabaseAgentQueue
    board_signs: DatabaseBoardSigns
    golden: DatabaseGoldenStore
    bundles: DatabaseBundleStore

    @classmethod
    def open(cls, settings: Settings, times: LeaseTimes | None = None) -> Self:
        """Open what the settings name.

        Raises:
            UsageError: `invalid_database_url`, `invalid_artifact_url` or `missing_package`.
            StoreError: `database_newer`, `database_outdated`, `database_unreachable`, ...
            ResourceError: `disk_full`.
        """
        engine = open_database(settings.database_url)
        artifacts = open_artifacts(settings.artifact_url, settings.artifact_cache)
        return cls(
            engine=engine,
            artifacts=artifacts,
            jobs=DatabaseJobStore(engine),
            queue=DatabaseJobQueue(engine, times),
            results=DatabaseResultStore(engine),
            measurements=DatabaseMeasurementQueue(engine, times),
            sessions=DatabaseSessionStore(engine),
            supernets=DatabaseSupernetStore(engine),
            tables=DatabaseTableStore(engine, artifacts),
            fronts=DatabaseFrontStore(engine),
            datasets=DatabaseDatasetStore(engine),
            workers=DatabaseWorkers(engine, times),
            keys=DatabaseKeyStore(engine),
            audit=DatabaseAuditLog(engine),
            operations=DatabaseOperations(engine),
            agents=DatabaseAgentStore(engine),
            agent_queue=DatabaseAgentQueue(engine, times),
            board_signs=DatabaseBoardSigns(engine, times),
            golden=DatabaseGoldenStore(engine),
            bundles=DatabaseBundleStore(engine),
        )

    @property
    def many_writers(self) -> bool:
        """Whether transactions that write run beside each other, as SQLite's do not."""
        return self.engine.dialect.name != "sqlite"

    def stored(self, job: Job) -> StoredJob:
        """Return what a job has left."""
        return StoredJob(job, self.results, self.artifacts)

    def run(self, claim: Claim) -> JobRun:
        """Return what a claimed job writes and has left."""
        job = self.jobs.get(claim.lease.tenant, claim.lease.job_id)
        return JobRun(self.stored(job), claim.lease, self.results, self.artifacts)


@contextmanager
def opened_stores(settings: Settings, times: LeaseTimes | None = None) -> Iterator[Stores]:
    """Open what the settings name, and close it at the end.

    Raises:
        HwnasError: As `Stores.open`.
    """
    stores = Stores.open(settings, times)
    try:
        yield stores
    finally:
        stores.engine.dispose()
