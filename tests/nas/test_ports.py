"""The database and the artifact stores are what the ports ask for."""

from pathlib import Path

from sqlalchemy import create_engine

from nas.ports import (
    Artifacts,
    DeviceQueue,
    EventLog,
    JobControl,
    JobQueue,
    JobStore,
    MeasurementQueue,
    ResultStore,
)
from nas.store.artifact_folder import ArtifactFolder
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.measurement_queue import DatabaseMeasurementQueue
from nas.store.result_store import DatabaseResultStore


def operations(port: type) -> set[str]:
    """Names that a port asks for."""
    return {name for name, value in vars(port).items() if callable(value) and not name.startswith("_")}


def test_ports_are_implemented(tmp_path: Path) -> None:
    engine = create_engine("sqlite://")
    jobs, measuring = DatabaseJobStore(engine), DatabaseMeasurementQueue(engine)
    results = DatabaseResultStore(engine)
    # Assigned to the ports, so that the type checker compares signatures.
    asks: JobStore = jobs
    control: JobControl = jobs
    queue: JobQueue = DatabaseJobQueue(engine)
    kept: ResultStore = results
    log: EventLog = results
    wanted: MeasurementQueue = measuring
    device: DeviceQueue = measuring
    files: Artifacts = ArtifactFolder(tmp_path)
    pairs = [
        (JobStore, asks), (JobControl, control), (JobQueue, queue), (ResultStore, kept), (EventLog, log),
        (MeasurementQueue, wanted), (DeviceQueue, device), (Artifacts, files),
    ]  # fmt: skip
    for port, implementation in pairs:
        assert operations(port), f"{port.__name__} asks for nothing"
        assert operations(port) <= set(dir(implementation))
