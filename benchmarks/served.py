"""Servers as processes of their own: the service, and a bare FastAPI application on the same settings."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import uvicorn
from fastapi import FastAPI

from api.serving import server_config
from nas.settings import Settings

BARE: Final = "import benchmarks.served as served; served.serve_bare()"
SERVICE: Final = "import hwnas; hwnas.main()"
ENDS_S: Final = 60
_ADDRESS: Final = re.compile(r"http://[^\s;]+")


def serve_bare() -> None:
    """Serve an application that does nothing; say where."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/v1/searches/{search_id}")
    async def show(search_id: str) -> dict[str, str]:
        return {"id": search_id, "state": "succeeded"}

    _Announced(server_config(app, "127.0.0.1", int(sys.argv[1]))).run()


class _Announced(uvicorn.Server):
    """Says where it is once it listens."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        print(f"http://127.0.0.1:{self.config.port};", file=sys.stderr, flush=True)


@contextmanager
def bare(port: int, cores: Sequence[int] = ()) -> Iterator[str]:
    """Yield the address of the bare application."""
    with _process([sys.executable, "-c", BARE, str(port)], {}, cores) as served:
        yield served.address


@final
@dataclass(frozen=True)
class Replica:
    """A server that can be killed."""

    address: str
    process: "subprocess.Popen[str]"

    def kill(self) -> None:
        """Kill it, as a machine does that loses its power."""
        self.process.kill()
        self.process.wait()


@contextmanager
def service(settings: Settings, cores: Sequence[int] = (), *, worker: bool = False) -> Iterator[str]:
    """Yield the address of the service; arguments as those of `replica`."""
    with replica(settings, cores, worker=worker) as served:
        yield served.address


@contextmanager
def replica(settings: Settings, cores: Sequence[int] = (), *, worker: bool = False) -> Iterator[Replica]:
    """Serve in a process of its own.

    Args:
        settings: Of it.
        cores: Processors that it may use; all if not given.
        worker: Whether a worker runs beside.
    """
    beside = "--worker" if worker else "--no-worker"
    command = [sys.executable, "-c", SERVICE, "serve", "--port", "0", beside]
    with _process(command, settings.as_environment(), cores) as served:
        yield served


@contextmanager
def _process(command: list[str], environment: dict[str, str], cores: Sequence[int]) -> Iterator[Replica]:
    root = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(
        command,
        cwd=root,
        env={**os.environ, **environment, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process.stderr as said:
        address = _ADDRESS.search(said.readline())
        # Its log is read by a process of its own: here each line would hold up who sends requests.
        drain = subprocess.Popen(["cat"], stdin=said, stdout=subprocess.DEVNULL)
    try:
        assert address, "a server says where it listens"
        if cores:
            os.sched_setaffinity(process.pid, cores)
        yield Replica(address[0], process)
    finally:
        process.terminate()  # a service ends its worker before it ends
        process.wait(ENDS_S)
        drain.wait()
