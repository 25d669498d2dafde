"""How jobs stood a moment ago, as bytes: whoever asks again at once is answered without asking the database.

A job that has ended stays as it is (`nas.jobs`), so its answer is good for as long as it is kept. Any other
may be told as it was a tenth of a second ago, also by a replica that did not make the change.
"""

import threading
import time
from collections import OrderedDict
from typing import Final, final

from api.answers import Kept

OPEN_S: Final = 0.1
"""For which the answer about a job that has not ended is given again."""

MOST: Final = 4_096
"""Answers that are kept: the one that was asked for least recently is dropped first."""

Name = tuple[str, str, str]
"""Tenant, job, and where it was asked for: a job is told in more than one place, with other addresses."""


@final
class Remembered:
    """Answers by name; may be used by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Name, tuple[float, Kept]] = OrderedDict()

    def get(self, name: Name) -> Kept | None:
        """Return the answer where it is still good."""
        with self._lock:
            until, found = self._kept.get(name, (0.0, None))
            if found is None or time.monotonic() > until:
                return None
            self._kept.move_to_end(name)
            return found

    def keep(self, name: Name, answer: Kept, *, ended: bool) -> None:
        """Keep an answer: for good where the job has ended."""
        until = float("inf") if ended else time.monotonic() + OPEN_S
        with self._lock:
            self._kept[name] = (until, answer)
            if len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def forget(self, tenant: str, job_id: str) -> None:
        """Drop what is known of a job: it was changed here."""
        with self._lock:
            for name in [name for name in self._kept if name[:2] == (tenant, job_id)]:
                del self._kept[name]
