"""The service behind a socket of this machine, and a worker that needs no time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from api.app import create_app
from api.client import Client
from api.serving import server_config
from api.state import Service
from nas.jobs import JobState
from nas.settings import Settings
from nas.store.searches import all_searches
from nas.store.stores import Stores, opened_stores
from tests.api.routes.conftest import exported_file, worked_on
from tests.api.served import new_key


@dataclass(frozen=True)
class Running:
    """A service that listens."""

    url: str
    service: Service
    key: str

    @property
    def stores(self) -> Stores:
        """What it serves."""
        return self.service.stores

    def login(self) -> str:
        """A link that logs a browser in."""
        return f"{self.url}/login?token={self.service.links.make()}"

    def client(self) -> Client:
        """A client with a key that may everything, which does not pause."""
        return Client(self.url, self.key, pause=lambda seconds: None)


@contextmanager
def running(home: Path, *, port: int = 0, root_path: str = "") -> Iterator[Running]:
    """The service of a home, at a free port of this machine or at one that it had before."""
    settings = Settings(home=home)
    with opened_stores(settings) as stores:
        app = create_app(settings, stores)
        config = server_config(app, "127.0.0.1", port, root_path)
        config.timeout_graceful_shutdown = 1
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            threading.Event().wait(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Running(
                f"http://127.0.0.1:{port}{root_path}", app.state.service, new_key(stores, ["admin"])
            )
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def quick_worker(stores: Stores) -> Iterator[bytes]:
    """Every search that is queued has a front at once; yields the file of all networks."""
    content, stop = exported_file(), threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for job in all_searches(stores, "local"):
                if job.state is JobState.QUEUED:
                    worked_on(stores, job, content)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield content
    finally:
        stop.set()
        thread.join()
