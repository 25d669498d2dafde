"""`hwnas serve`: the service on this machine, with a worker beside it."""

import asyncio
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

import uvicorn
from fastapi import FastAPI
from rich.console import Console
from rich.text import Text

from api.app import create_app
from api.json_lines import logged
from api.state import Service
from nas.results import Document
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import UsageError

DRAIN_S: Final = 30
STREAMS_END_S: Final = 2
"""Open streams are cut off after so long; whoever listens goes on with another replica."""


class Served(Document):
    """A service that has ended."""

    address: str

    def __rich__(self) -> Text:
        """Say so."""
        return Text(f"the service at {self.address} has ended; jobs go on with the next worker")


def serve(
    settings: Settings,
    host: str,
    port: int,
    *,
    worker: bool = True,
    root_path: str = "",
    hosts: tuple[str, ...] = (),
) -> Served:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        settings: Where things are kept.
        host: Address to listen at. Elsewhere than on loopback only where keys have been made.
        port: To listen at; 0 for any that is free.
        worker: Whether a worker runs beside.
        root_path: Prefix under which a proxy puts this server.
        hosts: Names that requests may give as their host.

    Raises:
        UsageError: `keys_needed` or `port_taken`.
    """
    with opened_stores(settings) as stores:
        if not is_loopback(host) and not stores.keys.list_all(settings.tenant):
            raise UsageError(
                "keys_needed",
                f"{host} can be reached from other machines: make a key first (`hwnas keys create NAME`)",
            )
        app = create_app(settings, stores, hosts=(host, *hosts))
        server = _Server(server_config(app, host, port, root_path), app.state.service)
        with logged(sys.stderr), _worker(settings) if worker else _nobody():
            server.run()
        return Served(address=server.address)


def server_config(app: FastAPI, host: str, port: int, root_path: str = "") -> uvicorn.Config:
    """Return how an application is served."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        root_path=root_path,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STREAMS_END_S,
        timeout_keep_alive=30,
        h11_max_incomplete_event_size=32 * 1024,
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@final
class _Server(uvicorn.Server):
    """Says where it is once it listens, and lets streams end before it waits for them."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self.address = f"http://{config.host}:{config.port}"

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Listen, then say so."""
        await super().startup(sockets)  # type: ignore[arg-type]
        if not self.started:
            return
        port = self.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://{self.config.host}:{port}"
        shown = Console(stderr=True, highlight=False, soft_wrap=True)
        shown.print(f"hwnas listens at {self.address}; Ctrl-C ends it")
        if is_loopback(self.config.host):
            shown.print(f"open  {self.address}/login?token={self._service.links.make()}  (works once)")
        shown.print("other programs need a key: hwnas keys create NAME")

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Have streams end, then stop."""
        self._service.closing.set()
        await asyncio.sleep(0)
        await super().shutdown(sockets)  # type: ignore[arg-type]


@contextmanager
def _worker(settings: Settings) -> Iterator[None]:
    """Run a worker beside; it drains in the end."""
    command = [sys.executable, "-c", "import hwnas; hwnas.main()", "worker"]
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, **settings.as_environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _nobody() -> Iterator[None]:
    yield
