"""A child process that answers in lines, ended when it is silent for too long."""

import os
import selectors
import subprocess
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from latency_predictors.wire_types import one_line

SECRETS: Final = ("HWNAS_", "PG")
"""Names of variables that begin so say where our database is, or let somebody in."""

_SHOWN: Final = 200
_Line = TypeVar("_Line")


def without_secrets(given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a process that runs, decodes or trains on what others made."""
    return {name: value for name, value in given.items() if not name.startswith(SECRETS)}


@dataclass(frozen=True)
class ChildEnded:
    """How a child ended.

    Attributes:
        reason: For people, for example `ended with status 1` or `was silent for 120 s`.
        last_words: The last line it wrote to its error stream, if any, or what is no answer.
    """

    reason: str
    last_words: str


def no_answer(line: bytes) -> ChildEnded:
    """Return the end of a child that wrote a line which is none of ours: nothing it writes is believed."""
    return ChildEnded("wrote what is no answer", one_line(line[:_SHOWN].decode(errors="replace")))


def said(line: bytes | ChildEnded, lines: TypeAdapter[_Line]) -> _Line | ChildEnded:
    """Return what a child has said.

    Args:
        line: As `run_child` yields it.
        lines: Reads one.
    """
    if isinstance(line, ChildEnded):
        return line
    try:
        return lines.validate_json(line)
    except ValidationError:
        return no_answer(line)


def run_child(
    command: Sequence[str], request: str, env: Mapping[str, str], silence_s: float
) -> Generator[bytes | ChildEnded, None, None]:
    """Start a process, give it a request on its input, yield its lines, then how it ended.

    The process is gone when the iterator is exhausted or closed.

    Args:
        command: Program and arguments.
        request: What it reads from its standard input.
        env: Its environment.
        silence_s: It is killed when it writes nothing for so long, or then does not end.
    """
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=env
        )
        assert process.stdin
        assert process.stdout
        try:
            # From a thread: a child that does not read is silent too. It ends with the child, if not before.
            threading.Thread(target=_send, args=(process.stdin, request), daemon=True).start()
            silent = yield from _lines(process.stdout, silence_s)
            silent = silent or not _ended(process, silence_s)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
        reason = f"was silent for {silence_s:g} s" if silent else _ending(process.returncode)
        yield ChildEnded(reason, _last_line(errors))


def _send(pipe: IO[bytes], request: str) -> None:
    try:
        with pipe:
            pipe.write(request.encode())
    except BrokenPipeError:
        return  # it died already; what follows reports how


def _lines(pipe: IO[bytes], silence_s: float) -> Generator[bytes, None, bool]:
    """Yield lines until the end of the stream; return whether it went silent instead."""
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while selector.select(silence_s):
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                return False
            *complete, pending = (pending + chunk).split(b"\n")
            yield from complete
    return True


def _ended(process: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _ending(status: int) -> str:
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return one_line(lines[-1]) if lines else ""
