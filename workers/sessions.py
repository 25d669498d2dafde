"""The processes of a session: all that a process started, however they go on without it."""

import os

import psutil


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
