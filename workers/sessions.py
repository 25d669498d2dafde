"""The processes of a session: all that a process started, however they go on without it."""

import os
from typing import Final

import psutil

ROUNDS: Final = 5
"""A process that is killed may have started another just before."""

_WAIT_S: Final = 5.0


def end_session(leader: int) -> None:
    """End every process of a session but the caller, and wait until they are gone: they write no more then.

    Args:
        leader: The process that began it.
    """
    for _ in range(ROUNDS):
        living = [process for process in psutil.process_iter() if _belongs(process, leader)]
        for process in living:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        if not living:
            return
        psutil.wait_procs(living, _WAIT_S)


def _belongs(process: psutil.Process, leader: int) -> bool:
    try:
        return (
            process.pid != os.getpid()
            and os.getsid(process.pid) == leader
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.NoSuchProcess, ProcessLookupError):
        return False
