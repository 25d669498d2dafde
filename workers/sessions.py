"""The processes of a session: all that a process started, however they go on without it."""

import os
import shutil
import threading
from pathlib import Path
from typing import Final

import psutil

TRIES: Final = 20
_PAUSE_S: Final = 0.1


def end_session(leader: int) -> None:
    """End every process of a session but the caller.

    Args:
        leader: The process that began it.
    """
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and os.getsid(process.pid) == leader:
                process.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue


def remove_folder(folder: Path) -> None:
    """Remove a folder that processes which are just ending may still write to."""
    for _ in range(TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        threading.Event().wait(_PAUSE_S)
