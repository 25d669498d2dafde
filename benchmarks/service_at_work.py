"""The service in a thread or a process of its own, with boards and files for them, for benchmarks."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import func, select, update

from api.app import create_app
from api.keys import KeyText
from benchmarks.figures import Figure
from benchmarks.fleet import RUNTIME, SimulatedBoard
from latency_predictors.agent_protocol import Registration
from latency_predictors.device import ExecutionContext
from latency_predictors.measure import LAYER_PROTOCOL
from nas.job_records import JobRequest
from nas.jobs import JobKind, Waiting
from nas.measurement_tasks import MeasurementTask
from nas.settings import Settings
from nas.store.agent_store import Agent
from nas.store.audit_log import Actor
from nas.store.measurement_tables import agents, measurements, sessions
from nas.store.session import reading, writing
from nas.store.stores import Stores, opened_stores
from search_spaces.digests import sha256_json

TENANT = "local"
_FORKS = multiprocessing.get_context("spawn")


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def server(settings: Settings, stores: Stores, port: int) -> uvicorn.Server:
    """Return the service, not started yet."""
    app = create_app(settings, stores)
    config = uvicorn.Config(app, port=port, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    return uvicorn.Server(config)


@contextmanager
def served(settings: Settings, stores: Stores, port: int) -> Iterator[None]:
    """Serve in a thread while the body runs."""
    one = server(settings, stores, port)
    thread = threading.Thread(target=one.run)
    thread.start()
    while not one.started and thread.is_alive():
        threading.Event().wait(0.01)
    try:
        yield
    finally:
        one.should_exit = True
        thread.join()


@contextmanager
def served_apart(home: Path, port: int) -> Iterator[int]:
    """Serve in a process of its own; yield its number."""
    process = _FORKS.Process(target=_serve, args=(home, port), daemon=True)
    process.start()
    while not _listens(port):
        threading.Event().wait(0.05)
    try:
        assert process.pid is not None
        yield process.pid
    finally:
        process.terminate()
        process.join()


def _serve(home: Path, port: int) -> None:
    settings = Settings(home=home, requests_per_s=1_000_000)
    with opened_stores(settings) as stores:
        server(settings, stores, port).run()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


@dataclass(frozen=True)
class Boarded:
    """A simulated board that is registered, with its key."""

    board: SimulatedBoard
    agent: Agent
    key: str


def registered(stores: Stores, name: str) -> Boarded:
    """Register a simulated board."""
    key, secret = stores.keys.create(TENANT, name, ["device"])
    board = SimulatedBoard(name)
    own: dict[str, Any] = {"name": name, "instance": "1" * 32, "cache_bytes": 10**9, "clock_s": 0.0}
    told = Registration.model_validate({**board.facts, **own})
    agent = stores.agents.register(TENANT, Actor(name, key.id), told)
    return Boarded(board, agent, str(KeyText(key.id, secret)))


def queued(
    stores: Stores, agent: Agent, batches: int, files: int, num_sessions: int
) -> list[MeasurementTask]:
    """Have a job wait for files on a board: so many in each of some contexts, which are batches."""
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"board": agent.name}, "benchmark"))
    (claim,) = stores.queue.claim("benchmark")
    tasks = [
        MeasurementTask(
            agent.device,
            ExecutionContext(*RUNTIME, batch=batch + 1),
            LAYER_PROTOCOL,
            sha256_json([batch, number]),
            stores.artifacts.put(f"file {batch} {number}".encode()),
            num_sessions,
        )
        for batch in range(batches)
        for number in range(files)
    ]
    stores.measurements.enqueue(claim.lease, tasks)
    stores.queue.settle(claim.lease, Waiting())
    return tasks


def times_kept(stores: Stores, tasks: Sequence[MeasurementTask]) -> list[int]:
    """Return how often each file's result is there, in its context."""
    query = (
        select(sessions.c.context, measurements.c.subject, func.count().label("times"))
        .select_from(sessions)
        .join(measurements)
        .group_by(sessions.c.context, measurements.c.subject)
    )
    with reading(stores.engine) as connection:
        found = {(row.context, row.subject): int(row.times) for row in connection.execute(query)}
    return [found.get((task.context.digest, task.subject), 0) for task in tasks]


def forget_instance(stores: Stores, agent: Agent) -> None:
    """Let another installation work as a board that was registered just now."""
    with writing(stores.engine) as connection:
        connection.execute(update(agents).where(agents.c.id == agent.id).values(seen_at_ms=0))


def exactly_twice(kept: Sequence[int], what: str) -> list[Figure]:
    """Return the figures of files that were to be measured twice, by how often their results are there."""
    missing, more = (sum(max(sign * (times - 2), 0) for times in kept) for sign in (-1, 1))
    return [
        Figure("results that are missing", missing, "", "<=", 0, what),
        Figure("results that are there once too often", more, "", "<=", 0),
    ]
