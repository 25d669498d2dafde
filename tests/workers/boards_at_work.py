"""A service that listens, simulated boards that work for it, and jobs that wait for them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.fleet import RUNTIME, SimulatedBoard
from latency_predictors.device import ExecutionContext
from latency_predictors.measure import LAYER_PROTOCOL
from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState, Waiting
from nas.leases import Lease
from nas.measurement_tasks import MeasurementTask
from nas.store.agent_store import Agent as StoredAgent
from nas.store.measurement_tables import measurements
from nas.store.session import reading
from tests.api.running import Running, running
from tests.api.served import new_key
from tests.nas.store.boards import content_of, subject_of
from workers.agent import Agent
from workers.agent_link import Link, Server

TENANT = "local"
CONTEXT = ExecutionContext(*RUNTIME)


class Ended(BaseException):
    """A test ends an agent here, as a power cut would."""


@dataclass
class Bench:
    """A service with one board.

    Attributes:
        lines: What the agent has said.
        pauses: Seconds that it has waited, in order.
        patience: Idle pauses before the agent is ended.
    """

    service: Running
    folder: Path
    board: SimulatedBoard = field(default_factory=lambda: SimulatedBoard("pi5"))
    key: str = ""
    lines: list[str] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    patience: int = 1

    def __post_init__(self) -> None:
        self.key = self.key or new_key(self.service.stores, ["device"])

    @property
    def server(self) -> Server:
        """How the board knows the service."""
        return Server(self.service.url, self.key)

    @contextmanager
    def agent(self, link: Link | None = None) -> Iterator[Agent]:
        """The agent of the board, as it is after a start."""
        agent = self.board.agent(self.server, self.folder, self.lines.append, self.pause, link)
        try:
            yield agent
        finally:
            agent.home.close()

    def pause(self, seconds: float) -> None:
        """Go on at once; end the agent where it has waited often enough."""
        self.pauses.append(seconds)
        threading.Event().wait(0.001)
        if len(self.pauses) > self.patience:
            raise Ended

    def works(self, link: Link | None = None, patience: int = 0, **means: Callable[..., object]) -> None:
        """Start the agent, with some other `Means`, and let it work until it has nothing to do."""
        self.pauses.clear()
        self.patience = patience
        with self.agent(link) as agent:
            agent.means = replace(agent.means, **means)  # type: ignore[arg-type]
            try:
                agent.run()
            except Ended:
                return
        raise AssertionError("it works until it is ended")

    def waiting_for(self, *names: str, sessions: int = 2, images: str = "") -> Lease:
        """Register the board, and queue a job that waits for files, to be scored if there are images."""
        if self.registered is None:
            self.works()
        stores = self.service.stores
        stores.jobs.submit(TENANT, JobRequest(JobKind.PROFILE, {"names": list(names)}, "profile"))
        (claim,) = stores.queue.claim("w")
        agent = self.registered
        assert agent is not None
        tasks = [
            MeasurementTask(
                agent.device,
                CONTEXT,
                LAYER_PROTOCOL,
                subject_of(name),
                stores.artifacts.put(content_of(name)),
                sessions,
                images=images,
            )
            for name in names
        ]
        stores.measurements.enqueue(claim.lease, tasks)
        stores.queue.settle(claim.lease, Waiting())
        return claim.lease

    @property
    def registered(self) -> StoredAgent | None:
        """The service's row of the board, None where it has not registered."""
        return self.service.stores.agents.find(TENANT, self.board.name)

    def state(self, job: Lease) -> JobState:
        """Where a job stands."""
        return self.service.stores.jobs.get(TENANT, job.job_id).state

    @property
    def num_measured(self) -> int:
        """Results that the service has."""
        with reading(self.service.stores.engine) as connection:
            return int(connection.execute(select(func.count()).select_from(measurements)).scalar_one())


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A service in a folder, with a board."""
    with running(folder / "service") as service:
        yield Bench(service, folder / "board")


def on_call(number: int, call: Callable[..., object]) -> Callable[..., object]:
    """A function that ends whoever calls it at a call with a number, before anything is done."""
    calls = 0

    def counted(*args: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            raise Ended
        return call(*args, **named)

    return counted
