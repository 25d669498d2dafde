"""The processes of a session: all that a process started, however they go on without it."""

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

TRIES: Final = 20
_PAUSE_S: Final = 0.1


def end_session(leader: int) -> None:
    """End every process of a session but the caller, and those that they start meanwhile.

    Args:
        leader: The process that began it.
    """
    for _ in range(TRIES):
        alive = [process for process in psutil.process_iter() if _belongs(process, leader)]
        if not alive:
            return
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=_PAUSE_S)


def _belongs(process: psutil.Process, leader: int) -> bool:
    try:
        mine = process.pid != os.getpid() and os.getsid(process.pid) == leader
        return mine and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False


def remove_folder(folder: Path) -> None:
    """Remove a folder that processes which are just ending may still write to."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        threading.Event().wait(_PAUSE_S)
