"""How far a series of sessions is, for whoever waits for it."""

from collections.abc import Callable
from typing import final

OnProgress = Callable[[int, int], None]
"""Called with the number of subjects measured so far and the number of all, over all sessions."""


@final
class SeriesProgress:
    """Counts the subjects measured, over all sessions, and tells.

    Args:
        on_progress: Told, if anybody is.
        total: Subjects to be measured, over all sessions.
    """

    def __init__(self, on_progress: OnProgress | None, total: int) -> None:
        self.total = total
        self._on_progress = on_progress
        self._done = 0
        self._done_here = 0

    def tell(self, done_here: int) -> None:
        """Tell how far the current session is."""
        self._done_here = done_here
        self.still()

    def still(self) -> None:
        """Tell the same once more, while a subject takes long: whoever listens renews a lease, or cancels."""
        if self._on_progress:
            self._on_progress(self._done + self._done_here, self.total)

    def repeat(self) -> None:
        """Note that a subject is measured again: more is to be done, and more is done."""
        self.total += 1
        self._done += 1

    def session_done(self, num_subjects: int) -> None:
        """Tell that a session is over."""
        self._done += num_subjects
        self.tell(0)
