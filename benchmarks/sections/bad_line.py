"""Section `bad_line`: measurements over a line that loses, doubles, delays and cuts; the agent is killed."""

import multiprocessing
import random
import select
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from benchmarks.figures import Figure
from benchmarks.fleet import SimulatedBoard
from benchmarks.service_at_work import (
    exactly_twice,
    forget_instance,
    free_port,
    queued,
    registered,
    served,
    times_kept,
)
from latency_predictors.protocol import WireModel
from nas.settings import Settings
from nas.store.stores import opened_stores
from workers.agent_link import Link, Server, ServerAwayError

SHARE: Final = 0.25
STEP_S: Final = 0.02
"""That a file takes, so that most kills meet an agent at work."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["benchmarks.sections.bad_line"])


class BadLink:
    """A link that loses requests and answers, says things twice, and is slow, each in its share."""

    def __init__(self, server: Server, seed: int) -> None:
        self._link, self._rng = Link(server), random.Random(seed)

    def post(self, path: str, body: WireModel, model: Any) -> Any:
        """Send a document, badly."""
        return self._badly(lambda: self._link.post(path, body, model))

    def fetch(self, path: str, into: BinaryIO, limit: int) -> str:
        """Fetch a file, badly."""
        digest: str = self._badly(lambda: self._link.fetch(path, into, limit), twice=False)
        return digest

    def _badly(self, ask: Callable[[], Any], *, twice: bool = True) -> Any:
        if self._rng.random() < SHARE:
            threading.Event().wait(self._rng.uniform(0.0, 0.1))
        luck = self._rng.random() / SHARE
        if luck < 0.5:
            raise ServerAwayError("server_unreachable", "the request is lost")
        answer = ask()
        if luck < 1.0:
            raise ServerAwayError("server_unreachable", "the answer is lost")
        if twice and self._rng.random() < SHARE:
            ask()
        return answer


class Cutting(socketserver.BaseRequestHandler):
    """Passes a connection on to the service, and cuts it, in its share, somewhere in an answer."""

    port: int
    rng: random.Random

    def handle(self) -> None:
        """Pass on what either end says, until one of them or the line has had enough."""
        left = self.rng.randrange(1_000) if self.rng.random() < SHARE else 2**30
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port)) as service:
            other = {self.request: service, service: self.request}
            while left:
                for end in select.select(list(other), [], [])[0]:
                    said = end.recv(2**16)
                    if end is service:
                        said = said[:left]
                        left -= len(said)
                    if not said:
                        return
                    other[end].sendall(said)


@contextmanager
def cutting(port: int, rng: random.Random) -> Iterator[int]:
    """Pass connections on to a port, badly; yield the port to ask instead."""
    handler = type("Handler", (Cutting,), {"port": port, "rng": rng})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as line:
        line.daemon_threads = True
        threading.Thread(target=line.serve_forever, daemon=True).start()
        yield line.server_address[1]
        line.shutdown()


def work(server: Server, folder: Path, seed: int) -> None:
    """Be the agent of the board, until somebody ends this process."""
    board, calm = SimulatedBoard("board", step_s=STEP_S), threading.Event()
    link: Any = BadLink(server, seed)
    board.agent(server, folder, lambda line: None, lambda s: calm.wait(min(s, 0.05)), link).run()


def run(home: Path, quick: bool) -> list[Figure]:
    """Measure 200 files so, with 20 kills; count how often each result is kept."""
    kills, batches = (5, 4) if quick else (20, 10)
    settings, port, rng = Settings(home=home / "bad_line"), free_port(), random.Random(0)
    with (
        opened_stores(settings) as stores,
        served(settings, stores, port),
        cutting(port, random.Random(1)) as cut_port,
    ):
        boarded = registered(stores, "board")
        tasks = queued(stores, [boarded.agent], batches, 10, 2)
        # The agent that works is another installation than the one that registered it here.
        forget_instance(stores, boarded.agent)
        server, clock = Server(f"http://127.0.0.1:{cut_port}", boarded.key), threading.Event()
        for number in range(kills + 1):
            process = _FORKS.Process(target=work, args=(server, settings.home / "board", number), daemon=True)
            process.start()
            if number < kills:
                clock.wait(rng.uniform(0.3, 1.5))
            else:
                while min(times_kept(stores, tasks)) < 2 and process.is_alive():
                    clock.wait(0.1)
            process.kill()
            process.join()
        kept = times_kept(stores, tasks)
    what = f"{2 * len(tasks)} measurements, {kills} kills, a quarter of requests lost, doubled, late or cut"
    return exactly_twice(kept, what)
