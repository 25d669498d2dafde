"""The log of a service: one JSON document a line, for programs.

A line says when, how bad and what; a request's line also under which id, by which key (its identifier), with
what status and in how many milliseconds. Secrets, bodies and the values of addresses are in none.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

LOGGERS: Final = ("hwnas", "uvicorn")
UNTOLD: Final = ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks")
"""What a record finds out of itself unless these say otherwise (Python's documentation: *Optimization*)."""
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


@contextmanager
def logged(stream: TextIO) -> Iterator[None]:
    """Have what a service says written to a stream.

    Lines tell of no thread, process or task: records do without while this lasts.
    """
    handler = logging.StreamHandler(stream)
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
