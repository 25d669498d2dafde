"""`python -m benchmarks.simulated_boards`: boards without hardware, for teaching and for trying a service.

    hwnas serve                                          in another terminal
    python -m benchmarks.simulated_boards                sim-1 to sim-3: each half as fast as the one before
    python -m benchmarks.simulated_boards --published    twelve, on which networks take what was published

Everything but the measuring is real: keys, the line, the journal, the protocol. A file takes the longer the
larger it is and the more nodes it has. What comes of it never passes for measured: hardware and runtime say
that they are simulated, and sessions with what was published that they are `published`. Ctrl-C ends all; the
same command goes on.
"""

import argparse
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx

from api.keys import KeyText
from benchmarks.fleet import SimulatedBoard
from benchmarks.published import published
from latency_predictors.device import ExecutionContext
from latency_predictors.protocol import SessionResult
from latency_predictors.replay import Trace
from nas.settings import Settings
from nas.store.stores import Stores, opened_stores
from workers.agent import Agent
from workers.agent_home import AgentHome, KnownServer
from workers.agent_link import Server
from workers.agent_replay import ReplayedBoard


@dataclass
class SizedBoard(SimulatedBoard):
    """A board on which a file takes the longer the larger it is.

    Attributes:
        factor: How slow it is.
    """

    factor: float = 1.0

    def measure(self, subjects: Any, *what: Any, **more: Any) -> Iterator[SessionResult]:
        """Measure by the script."""
        self.truth_ms = {one.digest: self.factor * file_ms(one.path) for one in subjects}
        return super().measure(subjects, *what, **more)


@dataclass
class PublishedBoard(SizedBoard):
    """A board that answers for some networks with what was published of them; for others it is simulated.

    Attributes:
        trace: What was published.
    """

    trace: Trace = field(kw_only=True)

    @property
    def facts(self) -> dict[str, Any]:
        """What it tells when it registers."""
        return {**super().facts, "replays": self.trace.source}

    def measure(
        self, subjects: Any, context: ExecutionContext, *what: Any, **more: Any
    ) -> Iterator[SessionResult]:
        """Measure by the script what nobody has published, and serve the rest."""
        known = [one for one in subjects if one.digest in self.trace.latency_ms]
        if others := [one for one in subjects if one not in known]:
            for session in super().measure(others, context, *what, **more):
                more["reference_ms"] = session.reference_ms
                yield session
        if known:
            # No runtime of ours ran them: they stand for what is simulated.
            trace = self.trace.model_copy(update={"context": context})
            yield from ReplayedBoard(trace).measure(known, context, *what, **more)


def file_ms(path: Path) -> float:
    """Return the milliseconds that an ONNX file is said to take: by its nodes and its weights."""
    return 0.004 * len(onnx.load(path).graph.node) + path.stat().st_size / 2e6


def sized_boards(number: int) -> list[SizedBoard]:
    """Return boards, each half as fast as the one before."""
    return [SizedBoard(f"sim-{one + 1}", factor=2.0**one) for one in range(number)]


def published_boards() -> list[PublishedBoard]:
    """Return a board for each context of `published`."""
    return [PublishedBoard(name.lower(), trace=trace) for name, trace in published().traces.items()]


def paired(stores: Stores, tenant: str, name: str, folder: Path, url: str) -> Server:
    """Return the service as a board knows it: from an earlier run, or by a key that is made now."""
    home = AgentHome(folder)
    try:
        known = home.paired()
        if known is None:
            key, secret = stores.keys.create(tenant, name, ["device"])
            known = KnownServer(url=url, key=str(KeyText(key.id, secret)), fingerprint="")
            home.pair(known)
    finally:
        home.close()
    return Server(url, known.key)


class Over(BaseException):
    """The boards are to end."""


class Fleet:
    """Boards at work, each in a thread.

    Args:
        settings: Of the service; what boards keep is in its home.
        boards: Which.
        url: Of the service.
    """

    def __init__(self, settings: Settings, boards: Sequence[SimulatedBoard], url: str) -> None:
        self._over = threading.Event()
        with opened_stores(settings) as stores:
            agents = [self._agent(stores, settings, board, url) for board in boards]
        self._threads = [threading.Thread(target=self._work, args=(agent,)) for agent in agents]

    def __enter__(self) -> "Fleet":
        """Start them."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End them: at once where they wait."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _agent(self, stores: Stores, settings: Settings, board: SimulatedBoard, url: str) -> Agent:
        folder = settings.home / "simulated" / board.name
        server = paired(stores, settings.tenant, board.name, folder, url)

        def say(line: str) -> None:
            sys.stderr.write(f"{board.name}: {line}\n")

        return board.agent(server, folder, say, self._pause)

    def _pause(self, seconds: float) -> None:
        if self._over.wait(seconds):
            raise Over

    def _work(self, agent: Agent) -> None:
        try:
            agent.run()
        except Over:
            agent.home.close()


def main() -> int:
    """Run boards until Ctrl-C; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated_boards", description=__doc__)
    parser.add_argument("--boards", type=int, default=3, metavar="N", help="how many")
    parser.add_argument("--published", action="store_true", help="the twelve of published latencies instead")
    parser.add_argument("--server", default="http://127.0.0.1:8265", metavar="URL", help="of `hwnas serve`")
    options = parser.parse_args()
    boards = published_boards() if options.published else sized_boards(options.boards)
    try:
        with Fleet(Settings(), boards, options.server):
            threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    raise AssertionError("boards work until they are interrupted")


if __name__ == "__main__":
    sys.exit(main())
