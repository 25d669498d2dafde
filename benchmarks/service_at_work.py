"""The service in a thread or a process of its own, with boards and files for them, for benchmarks."""

import multiprocessing
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn
from sqlalchemy import func, select, update

from api.app import create_app
from api.keys import KeyText
from api.serving import keep_for_good, server_config
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
INSTANCE = "1" * 32
_FORKS = multiprocessing.get_context("spawn")


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def server(settings: Settings, stores: Stores, port: int) -> uvicorn.Server:
    """Return the service, not started yet."""
    return uvicorn.Server(server_config(create_app(settings, stores), "127.0.0.1", port))


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
def served_apart(settings: Settings, port: int, *, killed: bool = False) -> Iterator[int]:
    """Serve in a process of its own; yield its number.

    Args:
        settings: Of the service.
        port: It listens at.
        killed: Whether it is killed in the end, as by a power cut, not told to stop.
    """
    process = _FORKS.Process(target=_serve, args=(settings, port), daemon=True)
    process.start()
    while not _listens(port):
        threading.Event().wait(0.05)
    try:
        assert process.pid is not None
        yield process.pid
    finally:
        process.kill() if killed else process.terminate()
        process.join()


def _serve(settings: Settings, port: int) -> None:
    with opened_stores(settings) as stores:
        one = server(settings, stores, port)
        keep_for_good()  # as `hwnas serve` does
        one.run()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
        return True
    return False


@dataclass(frozen=True)
class Boarded:
    """A simulated board that is registered.

    Attributes:
        told: What it has told of itself.
    """

    board: SimulatedBoard
    agent: Agent
    told: Registration
    key: str


def registered(stores: Stores, name: str) -> Boarded:
    """Register a simulated board."""
    key, secret = stores.keys.create(TENANT, name, ["device"])
    board, own = SimulatedBoard(name), {"name": name, "instance": INSTANCE, "cache_bytes": 10**9}
    told = Registration.model_validate({**board.facts, **own, "clock_s": 0.0})
    agent = stores.agents.register(TENANT, Actor(name, key.id), told)
    return Boarded(board, agent, told, str(KeyText(key.id, secret)))


def queued(
    stores: Stores, boards: Sequence[Agent], batches: int, files: int, num_sessions: int
) -> list[MeasurementTask]:
    """Have a job wait for files on boards: so many in each of some contexts, which are batches."""
    what = {"boards": [board.name for board in boards]}
    stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, what, "benchmark"))
    (claim,) = stores.queue.claim("benchmark")
    tasks = [
        MeasurementTask(
            board.device,
            ExecutionContext(*RUNTIME, batch=batch + 1),
            LAYER_PROTOCOL,
            sha256_json([batch, number]),
            artifact,
            num_sessions,
        )
        for batch in range(batches)
        for number in range(files)
        for artifact in [stores.artifacts.put(f"file {batch} {number}".encode())]
        for board in boards
    ]
    stores.measurements.enqueue(claim.lease, tasks)
    stores.queue.settle(claim.lease, Waiting())
    return tasks


def times_kept(stores: Stores, tasks: Sequence[MeasurementTask]) -> list[int]:
    """Return how often each file's result is there, from its device and in its context."""
    whose = sessions.c.device, sessions.c.context, measurements.c.subject
    query = select(*whose, func.count()).select_from(sessions).join(measurements).group_by(*whose)
    with reading(stores.engine) as connection:
        found = {tuple(row[:3]): int(row[3]) for row in connection.execute(query)}
    return [found.get((task.device.digest, task.context.digest, task.subject), 0) for task in tasks]


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
