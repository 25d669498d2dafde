"""Loaded by every Python process of a search under test, also of Ray and of measuring: watches, halts, kills.

Python imports a module of this name at its start where `PYTHONPATH` leads to it.
"""

import os
import signal
import sys

ASKS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")
LOOPBACK = ("127.0.0.1", "::1", "localhost", "")
CONNECTIONS = os.environ.get("FAULTS_CONNECTIONS")
STAND_BEFORE = os.environ.get("FAULTS_STAND_BEFORE")
DIE_BEFORE = os.environ.get("FAULTS_DIE_BEFORE")
DIED = os.environ.get("FAULTS_DIED", "")


def refuse_connections(event: str, arguments: tuple[object, ...]) -> None:
    """Write down whoever asks for another host, and refuse it."""
    if event not in ASKS:
        return
    asked = arguments[0] if event.startswith("socket.get") else arguments[1]
    host = asked[0] if isinstance(asked, tuple) else asked
    if isinstance(asked, tuple | str) and host not in LOOPBACK and CONNECTIONS:
        with open(CONNECTIONS, "a", encoding="utf-8") as log:
            log.write(f"{event} {asked} by {sys.argv}\n")
        raise ConnectionRefusedError(f"a search asked for {asked}")


def die_before_a_file(event: str, arguments: tuple[object, ...]) -> None:
    """End the process as a power cut would, when a file of this name is written but not yet in its place.

    Once: the process that takes its place lives.
    """
    if event == "os.rename" and DIE_BEFORE and str(arguments[1]).endswith(DIE_BEFORE):
        try:
            os.close(os.open(DIED, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


def stand_before_a_file(event: str, arguments: tuple[object, ...]) -> None:
    """Stand still, until somebody ends the process, when a file of this name is about to be in its place."""
    while event == "os.rename" and STAND_BEFORE and str(arguments[1]).endswith(STAND_BEFORE):
        signal.pause()


def note_environment() -> None:
    """Write down a process in which ONNX Runtime may report to its maker."""
    if CONNECTIONS and os.environ.get("ORT_DISABLE_TELEMETRY") != "1" and "-m" in sys.orig_argv:
        with open(CONNECTIONS, "a", encoding="utf-8") as log:
            log.write(f"reporting is on in {sys.orig_argv}\n")


if CONNECTIONS:
    sys.addaudithook(refuse_connections)
    note_environment()
if STAND_BEFORE:
    sys.addaudithook(stand_before_a_file)
if DIE_BEFORE:
    sys.addaudithook(die_before_a_file)
