"""Identifiers of rows, which sort in the order they were given: rows of one millisecond keep theirs, too."""

import re
import secrets
import threading
import time
from typing import Final

_TIME_DIGITS: Final = 13
"""Hexadecimal digits of a time in microseconds: enough until the year 2112."""

_CHANCE_DIGITS: Final = 7
"""What tells identifiers apart that two processes give in the same microsecond."""


class _Clock:
    """Microseconds since 1970, each of which is told once in this process, and none before an earlier one."""

    def __init__(self) -> None:
        self._told = 0
        self._lock = threading.Lock()

    def tick(self) -> int:
        with self._lock:
            self._told = max(time.time_ns() // 1_000, self._told + 1)
            return self._told


_CLOCK: Final = _Clock()


def new_id(name: str = "") -> str:
    """Return an identifier that begins with a name where there is one; those of one name sort by their age.

    It is no secret: what it names is opened by whose it is.
    """
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:19].rstrip("-")
    own = f"{_CLOCK.tick():0{_TIME_DIGITS}x}{secrets.randbits(4 * _CHANCE_DIGITS):0{_CHANCE_DIGITS}x}"
    return "-".join(part for part in (readable, own) if part)
