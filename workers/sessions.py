"""The processes of a session: all that a process started, however they go on without it."""

import os
import time
from contextlib import suppress
from typing import Final

import psutil

LONGEST_S: Final = 10.0
"""A process that has not ended by then waits for a disk or a network that hangs: it is left to the system."""

_PAUSE_S: Final = 0.1


def end_session(leader: int) -> None:
    """End every process of a session but the caller, and wait until none is left.

    Looks again until nobody is found: whoever was just being started by one that was ended is found then.

    Args:
        leader: The process that began it.
    """
    until = time.monotonic() + LONGEST_S
    while (alive := _members(leader)) and time.monotonic() < until:
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(alive, timeout=_PAUSE_S)


def _members(leader: int) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if _belongs(process, leader)]


def _belongs(process: psutil.Process, leader: int) -> bool:
    try:
        mine = process.pid != os.getpid() and os.getsid(process.pid) == leader
        return mine and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
