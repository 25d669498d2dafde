"""Whether the Ray that this process drives is lost: a local one, or a cluster that was joined."""

import threading
import time
from typing import Final, Protocol, final

import psutil
import ray

from search_spaces.errors import ComputeError, HwnasError

WATCH_S: Final = 0.5
"""Between two looks at a Ray."""

CLOSE_S: Final = 2.0
"""For the last answer of a head."""

VITAL: Final = ("gcs_server", "raylet")


class Lookout(Protocol):
    """Looks after a Ray."""

    def lost(self) -> bool:
        """Return whether it is known to be lost."""

    def lost_with(self, error: HwnasError) -> bool:
        """Return whether it is lost, once it is sure, where a task has just ended with an error."""

    def close(self) -> bool:
        """Look no more; return whether it is certain that this uses Ray no more."""


@final
class LocalLookout:
    """Looks at the processes of a Ray on this machine, which Ray itself does not miss for a minute.

    They are children of this process when it is made.
    """

    def __init__(self) -> None:
        self._vital = [child for child in psutil.Process().children() if child.name() in VITAL]

    def lost(self) -> bool:
        """Return whether one of them is gone."""
        return not all(_lives(process) for process in self._vital)

    def lost_with(self, error: HwnasError) -> bool:
        """Return whether one of them is gone, or about to be: there is but one machine to be lost."""
        return _is_loss(error) or self.lost()

    def close(self) -> bool:
        """Do nothing: processes are looked at without Ray."""
        return True


@final
class JoinedLookout:
    """Asks the head of a joined cluster whether it still answers, and knows this machine.

    Args:
        silence_s: A head that says nothing for so long is lost.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._node = ray.get_runtime_context().get_node_id()
        self._seen_at = self._heard_at = time.monotonic()
        self._gone = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def lost(self) -> bool:
        """Return whether it does not, or has not for long."""
        return self._gone.is_set() or time.monotonic() - self._heard_at > self._silence_s

    def lost_with(self, error: HwnasError) -> bool:
        """Return whether it is lost; after the loss of some machine, once the head was asked anew."""
        asked_at = time.monotonic()
        while _is_loss(error) and self._seen_at < asked_at and not self.lost():
            self._gone.wait(WATCH_S)
        return self.lost()

    def close(self) -> bool:
        """Ask no more, and wait for the answer to what was asked last."""
        self._gone.set()
        self._listener.join(CLOSE_S)
        return not self._listener.is_alive()

    def _listen(self) -> None:
        while not self._gone.wait(WATCH_S):
            begun_at = time.monotonic()
            try:
                alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
            except Exception:  # noqa: BLE001 - Ray has no one error for this
                alive = set()
            if self._node not in alive:
                self._gone.set()
            self._seen_at, self._heard_at = begun_at, time.monotonic()


def _is_loss(error: HwnasError) -> bool:
    return isinstance(error, ComputeError) and error.fault == "lost_node"


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
