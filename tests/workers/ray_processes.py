"""The processes of a Ray, found from outside as an operator would; and a cluster to join."""

import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import psutil

from workers.ray_environment import environment
from workers.sessions import end_session

ROOT = Path(__file__).resolve().parents[2]


def descendants(pid: int | None = None) -> list[psutil.Process]:
    """Every living process below one, this one if not given."""
    return alive(psutil.Process(pid).children(recursive=True))


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that are not gone; one that has ended and that nobody has waited for is."""
    return [process for process in processes if process.is_running() and not _ended(process)]


def _ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def named(start: str, pid: int | None = None) -> list[psutil.Process]:
    """Those whose name starts so."""
    return [process for process in descendants(pid) if process.name().startswith(start)]


def busy_workers() -> list[psutil.Process]:
    """The processes that are at a task."""
    return [process for process in named("ray::") if re.match("ray::(perform|score|share)", process.name())]


def wait_gone(processes: list[psutil.Process], seconds: float = 20.0) -> list[psutil.Process]:
    """Return those that are still there after so long."""
    return psutil.wait_procs(processes, timeout=seconds)[1]


def listening(processes: list[psutil.Process]) -> set[str]:
    """Addresses that processes listen on."""
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }


@final
class TwoMachines:
    """A cluster to join: a head without processors of its own, and one other machine at a time.

    Attributes:
        token: That all of it shares.
        address: Of the head.
    """

    def __init__(self, folder: Path) -> None:
        self.token = secrets.token_hex(32)
        (folder / "ray").mkdir()
        command = [sys.executable, "-m", "tests.workers.two_machines", str(folder)]
        self._process = subprocess.Popen(
            command,
            env={
                **environment(os.environ, "127.0.0.1:0", ROOT),
                "RAY_AUTH_TOKEN": self.token,
                "RAY_TMPDIR": str(folder),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.address = self._answer()

    def add_machine(self) -> None:
        """Start a machine with one processor."""
        self._ask("add")

    def lose_machine(self) -> None:
        """End it as a power cut does."""
        self._ask("lose")

    def lose_head(self) -> None:
        """End the head's directory of the cluster."""
        for process in named("gcs_server", self._process.pid):
            process.kill()

    def end(self) -> None:
        """End all of it."""
        end_session(self._process.pid)
        self._process.communicate()

    def _ask(self, what: str) -> None:
        assert self._process.stdin is not None
        print(what, file=self._process.stdin, flush=True)
        assert self._answer() == what

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def two_machines() -> Iterator[TwoMachines]:
    """A cluster whose processes and files are gone at the end."""
    with tempfile.TemporaryDirectory(prefix="hwnas-", dir="/tmp") as folder:
        made = TwoMachines(Path(folder))
        try:
            made.add_machine()
            yield made
        finally:
            made.end()
