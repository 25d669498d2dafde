"""A board that is driven by hand: it says over the wire what a test wants it to."""

import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from latency_predictors.agent_protocol import PROTOCOL, PROTOCOL_HEADER, Trouble, Work
from latency_predictors.device import Device
from latency_predictors.protocol import SessionResult
from nas.job_records import JobRequest
from nas.jobs import JobKind, Waiting
from nas.leases import Lease
from nas.store.agent_store import Agent
from tests.api.served import Caller
from tests.latency_predictors.timed_sessions import timed_session
from tests.nas.store.boards import INSTANCE, NAMES, content_of, tasks_for, told

TENANT = "local"


@dataclass
class Board:
    """A board with a key.

    Attributes:
        number: Of its last request for work.
        device: As registered.
    """

    api: Caller
    name: str = "pi5"
    instance: str = INSTANCE
    number: int = 0
    more: dict[str, Any] = field(default_factory=dict)
    version: str = str(PROTOCOL)
    device: Device | None = None

    @classmethod
    def with_key(cls, api: Caller, name: str = "pi5", tenant: str = TENANT, **more: Any) -> "Board":
        """A board that has not registered yet."""
        return cls(api.as_("device", tenant=tenant), name, more=more)

    def post(self, path: str, body: object) -> httpx2.Response:
        """Ask for something under /v1/agents."""
        return self.api.post(f"/v1/agents/{path}", body, **{PROTOCOL_HEADER: self.version})

    def register(self, **more: Any) -> httpx2.Response:
        """Say who it is."""
        facts = {"clock_s": time.time(), "instance": self.instance, **self.more, **more}
        answer = self.post("register", told(self.name, **facts).model_dump(mode="json"))
        if answer.status_code == 200:
            self.device = Device(
                **{**answer.json()["device"], "cpu_features": tuple(told().device.cpu_features)}
            )
        return answer

    def ask(self, **more: Any) -> httpx2.Response:
        """Ask for work."""
        self.number += 1
        body = {"instance": self.instance, "number": self.number, "clock_s": time.time(), **more}
        return self.post("leases", body)

    def work(self) -> Work:
        """Ask for work and get some."""
        return Work.model_validate(self.ask().json()["work"])

    def artifact(self, digest: str) -> httpx2.Response:
        """Fetch a file."""
        return self.api.get(f"/v1/agents/artifacts/{digest}", **{PROTOCOL_HEADER: self.version})

    def session(self, work: Work, **more: Any) -> SessionResult:
        """What it measures."""
        assert self.device is not None
        return timed_session(list(work.files), self.device, work.context, timing=work.timing, **more)

    def deliver(
        self, work: Work, session: SessionResult | None, trouble: Trouble | None = None
    ) -> httpx2.Response:
        """Deliver what came of work."""
        told_of = {"session": session, "trouble": trouble}
        body = {name: one.model_dump(mode="json") for name, one in told_of.items() if one is not None}
        return self.raw(work, body)

    def raw(self, work: Work, body: dict[str, Any]) -> httpx2.Response:
        """Deliver a document."""
        asked = {"instance": self.instance, "attempt": work.attempt, **body}
        return self.post(f"leases/{work.lease}/result", asked)

    def beat(self, work: Work, kind: str = "heartbeat", **more: Any) -> httpx2.Response:
        """Keep the lease, or give it back."""
        return self.post(
            f"leases/{work.lease}/{kind}", {"instance": self.instance, "attempt": work.attempt, **more}
        )

    @property
    def agent(self) -> Agent:
        """The service's row of it."""
        found = self.api.stores.agents.of_key(self.api.key.split("_")[1])
        assert found is not None
        return found


def waiting_for(board: Board, tenant: str = TENANT, sessions: int = 1) -> Lease:
    """A job that waits for files which the board is to measure."""
    stores = board.api.stores
    for name in NAMES:
        stores.artifacts.put(content_of(name))
    stores.jobs.submit(tenant, JobRequest(JobKind.PROFILE, {"n": board.number}, "profile"))
    (claim,) = stores.queue.claim("w")
    stores.measurements.enqueue(claim.lease, tasks_for(board.agent, sessions=sessions))
    stores.queue.settle(claim.lease, Waiting())
    return claim.lease
