"""How much somebody may ask for: tokens in a bucket for each name, which fill up again with time.

Buckets are this process's own. Replicas of a service do not ask each other: who is spread over n of them
gets up to n times as much, and a replica that starts anew begins with full buckets.
"""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, final

MAX_NAMES: Final = 10_000
"""With more names than these the one that was seen least recently is forgotten, which fills its bucket."""


@final
class Buckets:
    """Token buckets, one a name.

    Args:
        per_s: Tokens that a bucket gets in a second.
        burst: Tokens that it holds.
        clock: Seconds, never going back.
    """

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._lock = threading.Lock()
        self._filled: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> bool:
        """Take a token of a name; return whether there was one."""
        with self._lock:
            tokens, now = self._tokens(name)
            self._filled[name] = (tokens - 1.0 if tokens >= 1.0 else tokens, now)
            self._filled.move_to_end(name)
            if len(self._filled) > MAX_NAMES:
                self._filled.popitem(last=False)
            return tokens >= 1.0

    def has(self, name: str) -> bool:
        """Return whether a name has a token left."""
        with self._lock:
            return self._tokens(name)[0] >= 1.0

    def _tokens(self, name: str) -> tuple[float, float]:
        now = self._clock()
        tokens, at = self._filled.get(name, (self._burst, -math.inf))
        return min(self._burst, tokens + (now - at) * self._per_s), now


@final
class Slots:
    """How many of something each name may have open at once.

    Args:
        most: For one name.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: dict[str, int] = {}

    @contextmanager
    def taken(self, name: str) -> Iterator[bool]:
        """Hold one, and yield True; where the name has none left hold none, and yield False."""
        with self._lock:
            free = self._open.get(name, 0) < self._most
            if free:
                self._open[name] = self._open.get(name, 0) + 1
        try:
            yield free
        finally:
            if free:
                self._give_back(name)

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
