"""Boards that are simulated: agents of the product over devices that follow a script.

Everything but the measuring is real: the link, the journal, the protocol.
"""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from latency_predictors.device import Device, ExecutionContext, host_context
from latency_predictors.fake_device import ANCHORS, FakeDevice, Script
from latency_predictors.measure import TimingProtocol
from latency_predictors.protocol import SessionRequest, SessionResult, Subject
from latency_predictors.scoring import ScoringRequest, score
from latency_predictors.series import run_series
from latency_predictors.series_progress import OnProgress
from workers.agent import Agent
from workers.agent_home import AgentHome
from workers.agent_link import Link, Server
from workers.agent_means import Means

RUNTIME = ("onnxruntime", "1.0-simulated")


class InventedTimes(dict[str, float]):
    """A latency for every file, from its digest: 0.01 to 1 ms, the same on every board."""

    def __missing__(self, digest: str) -> float:
        share = int.from_bytes(hashlib.sha256(digest.encode()).digest()[:4], "big") / 2**32
        return float(0.01 * 100**share)

    def get(self, digest: str, default: Any = None) -> float:
        """Return the latency of a file."""
        return float(default) if default else self[digest]


class SimulatedDevice(FakeDevice):
    """A device whose work takes no time: a session of it begins when it is asked for."""

    def now(self) -> datetime:
        """Return the date and time."""
        return datetime.now(UTC)


@dataclass
class SimulatedBoard:
    """A board whose times follow a script.

    Attributes:
        name: Of the board.
        script: How it behaves.
        truth_ms: What files take on it.
        step_s: What each really takes, of the time of whoever waits for it: what befalls the agent or the
            service then meets it at work.
    """

    name: str
    script: Script = field(default_factory=Script)
    truth_ms: Mapping[str, float] = field(default_factory=InventedTimes)
    step_s: float = 0.0

    @property
    def facts(self) -> dict[str, Any]:
        """What it tells when it registers."""
        return {
            "version": "0.1.0",
            "device": self.device,
            "unit": f"simulated-{self.name}",
            "runtimes": dict([RUNTIME]),
        }

    @property
    def device(self) -> Device:
        """Its hardware."""
        return replace(FakeDevice.device, cpu_model=f"simulated {self.name}")

    def measure(
        self,
        subjects: Sequence[Subject],
        context: ExecutionContext,
        timing: TimingProtocol,
        *,
        num_sessions: int,
        reference_ms: Mapping[str, float],
        on_progress: OnProgress,
    ) -> Iterator[SessionResult]:
        """Measure as `run_sessions` does, by the script."""
        request = SessionRequest(
            context=context,
            timing=timing,
            subjects=tuple(subjects),
            anchors=tuple(Subject(digest=digest, path=Path(f"{digest}.fake")) for digest in ANCHORS),
            reference_ms=dict(reference_ms),
            seed=0,
        )
        machine = SimulatedDevice(self.truth_ms, self.script)

        def step(done: int, total: int) -> None:
            threading.Event().wait(self.step_s)
            on_progress(done, total)

        return run_series(request, machine, num_sessions, step if self.step_s else on_progress)

    def name_classes(self, request: ScoringRequest, on_progress: Callable[[int], object]) -> tuple[int, ...]:
        """Score as a board does, with the runtime that is here."""
        return score(request.model_copy(update={"context": host_context()}), on_progress)

    def agent(
        self,
        server: Server,
        folder: Path,
        say: Callable[[str], object],
        pause: Callable[[float], object],
        link: Link | None = None,
    ) -> Agent:
        """Return its agent; whoever asked for it closes its home."""
        home = AgentHome(folder)
        means = Means(self.measure, self.name_classes)
        return Agent(self.name, lambda: self.facts, link or Link(server), home, means, say, pause)
