"""The log of a service: one JSON document a line, for programs.

A line says when, how bad and what; a request's line also under which id, by which key (its identifier), with
what status and in how many milliseconds. Secrets, bodies and the values of addresses are in none.

Lines are written a few at a time: whoever reads a pipe is woken by each write, which would cost a request
more than its line does.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any, Final, TextIO

LOGGERS: Final = ("hwnas", "uvicorn")
UNTOLD: Final = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
"""What a record finds out of itself unless these say otherwise (Python's documentation: *Optimization*)."""
HELD_S: Final = 0.05
"""How long a line that tells of nothing bad may wait for others, seconds."""
# Made once: `json.dumps` would make it for each line.
_ENCODE: Final = json.JSONEncoder(default=str).encode


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON, in ASCII: what somebody sent cannot begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            facts["trace"] = self.formatException(record.exc_info)
        return _ENCODE(facts)


_UNWRITTEN: Final = logging.makeLogRecord({"msg": "lines of the log could not be written"})


class LinesTogether(logging.Handler):
    """Writes lines together: after `HELD_S`, or when they fill a write that a pipe takes as a whole.

    A warning or worse is written at once, with what waits before it. Longer writes could be torn by those of
    another process on the same pipe (POSIX: *write*, PIPE_BUF).
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._waiting: list[str] = []
        self._size = 0
        self._begun = threading.Event()
        self._closing = threading.Event()
        threading.Thread(target=self._write_in_time, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; `handle` holds the lock."""
        try:
            line = self.format(record) + "\n"
            if self._size + len(line) > PIPE_BUF:
                self.flush()
            self._waiting.append(line)
            self._size += len(line)
            if record.levelno >= logging.WARNING:
                self.flush()
            elif len(self._waiting) == 1:
                self._begun.set()
        except Exception:  # noqa: BLE001 - as every handler: whoever logs is not to fail by it
            self.handleError(record)

    def flush(self) -> None:
        """Write what waits."""
        self.acquire()
        try:
            told, self._waiting, self._size = "".join(self._waiting), [], 0
            if told:
                self._stream.write(told)
                self._stream.flush()
        finally:
            self.release()

    def close(self) -> None:
        """Write what waits, and have no more waiting."""
        self._closing.set()
        self._begun.set()
        self._flush_or_say()
        super().close()

    def _write_in_time(self) -> None:
        while not self._closing.is_set():
            self._begun.wait()
            self._begun.clear()
            self._closing.wait(HELD_S)
            self._flush_or_say()

    def _flush_or_say(self) -> None:
        try:
            self.flush()
        except (OSError, ValueError):
            self.handleError(_UNWRITTEN)


@contextmanager
def logged(stream: TextIO) -> Iterator[None]:
    """Have what a service says written to a stream.

    Lines tell of no thread, process or task: records do without while this lasts.
    """
    handler = LinesTogether(stream)
    handler.setFormatter(JsonLines())
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
    loggers[0].setLevel(logging.INFO)
    untold = {name: value for name, value in vars(logging).items() if name in UNTOLD}
    vars(logging).update(dict.fromkeys(untold, False))
    try:
        yield
    finally:
        vars(logging).update(untold)
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()
