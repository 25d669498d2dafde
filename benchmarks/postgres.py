"""A PostgreSQL server for one test run or benchmark: started in a temporary folder, gone afterwards."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def find_binaries() -> Path | None:
    """Return the folder of PostgreSQL's programs, if there is one."""
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return folders[-1] if folders else None


@contextmanager
def serve(binaries: Path, *, durable: bool = False) -> Iterator[str]:
    """Start a server on loopback; yield the address of its database.

    Args:
        binaries: Folder of the programs.
        durable: Whether commits wait for the disk, as a server in production has it.
    """
    folder = Path(tempfile.mkdtemp(prefix="hwnas-pg-"))
    identity = _identity(folder)

    def run(program: str, *arguments: str) -> None:
        # No inherited streams: the server would keep them open after its starter has ended.
        subprocess.run(
            [str(binaries / program), *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **identity,
        )

    port = _free_port()
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": str(folder)}
    if not durable:
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
    options = " ".join([f"-p {port}", *(f"-c {name}={value}" for name, value in settings.items())])
    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


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
