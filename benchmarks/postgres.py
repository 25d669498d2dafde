"""A PostgreSQL server for one test run or benchmark: started in a temporary folder, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

import psutil


def find_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, if there is one."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


@final
class Server:
    """A server on loopback, in a folder of its own; it can be killed and started again.

    Args:
        binaries: Folder of the programs.
        folder: For everything of it.
        durable: Whether commits wait for the disk, as a server in production has it.
    """

    def __init__(self, binaries: Path, folder: Path, *, durable: bool) -> None:
        self._binaries = binaries
        self._data, self._log = folder / "data", folder / "log"
        self._identity = _identity(folder)
        port = _free_port()
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
        if not durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        self._options = " ".join([f"-p {port}", *(f"-c {name}={value}" for name, value in settings.items())])
        self.url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        encoding = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        self._run("initdb", "-D", str(self._data), *encoding)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self._log), "-o", self._options, "start")

    def stop(self) -> None:
        """Stop it at once."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """Kill every process of it, as a machine does that loses its power."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)

    def _run(self, program: str, *arguments: str) -> None:
        # No inherited streams: the server would keep them open after its starter has ended.
        subprocess.run(
            [str(self._binaries / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._identity,
        )


@contextmanager
def started(binaries: Path, *, durable: bool = False) -> Iterator[Server]:
    """Start a server; it is gone afterwards. Arguments as those of `Server`."""
    folder = Path(tempfile.mkdtemp(prefix="hwnas-pg-"))
    try:
        server = Server(binaries, folder, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def serve(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a server likewise; yield the address of its database."""
    with started(binaries, durable=durable) as server:
        yield server.url


def _identity(folder: Path) -> dict[str, Any]:
    """Return as whom to run: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": "/"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
