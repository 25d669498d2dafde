"""What happens at a service, told in lines on standard error."""

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO, final

from api.resources.jobs import EventResource

SECONDS_BETWEEN: Final = 10.0
"""Lines of one phase."""


@final
class EventLines:
    """Told events; writes a line when a phase begins, every ten seconds, and for whatever else is worth one.

    Args:
        stream: To write to; standard error if not given.
        clock: Seconds.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._phase, self._said_at = "", 0.0

    def __call__(self, event: EventResource) -> None:
        """Take note of an event."""
        data = event.data
        if event.kind == "progress":
            self._progress(
                str(data.get("phase")), data.get("done", 0), data.get("total", 0), data.get("note")
            )
        elif event.kind == "message":
            self._say(str(data.get("text")))
        elif "fault" in data:
            self._say(f"attempt {event.attempt} failed: {data.get('message')}")

    def _progress(self, phase: str, done: float, total: float, note: object) -> None:
        now = self._clock()
        if phase == self._phase and now - self._said_at < SECONDS_BETWEEN:
            return
        self._phase, self._said_at = phase, now
        share = f"{100.0 * min(done / total, 1.0):3.0f} %" if total else ""
        self._say(f"{phase:<12}{share}  {note or ''}".rstrip())

    def _say(self, line: str) -> None:
        # One line, whatever a service sends: nothing that moves the cursor of a terminal.
        self._stream.write("".join(sign if sign.isprintable() else " " for sign in line) + "\n")
        self._stream.flush()
