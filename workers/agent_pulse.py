"""Keeps a lease while its batch is measured, from a thread that does nothing else."""

import threading
from types import TracebackType
from typing import Self, final

from latency_predictors.agent_protocol import Heartbeat, Nothing, Work
from search_spaces.errors import HwnasError
from workers.agent_link import Link, RefusedError


@final
class Pulse:
    """Renews a lease until the body ends. Use it in a `with` statement.

    Where the service is away nothing is lost: the lease holds as long as nobody else takes it.

    Args:
        link: To the service.
        instance: Of the agent.
        work: Whose lease.
        every_s: How often.
    """

    def __init__(self, link: Link, instance: str, work: Work, every_s: float) -> None:
        self._link = link
        self._told = Heartbeat(instance=instance, attempt=work.attempt)
        self._path = f"agents/leases/{work.lease}/heartbeat"
        self._every_s = every_s
        self._refused: RefusedError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="agent pulse", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not waited for: it may be in the middle of a request to somebody who does not answer.
        self._ended.set()

    def progress(self, done: int, total: int) -> None:
        """Take down how many of how many files are measured; for the thread that measures.

        Raises:
            RefusedError: The lease has ended: whatever is measured now, nobody takes.
        """
        if self._refused is not None:
            raise self._refused
        self._told = self._told.model_copy(update={"measured": done, "to_measure": total})

    def _beat(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                self._link.post(self._path, self._told, Nothing)
            except RefusedError as refused:
                self._refused = refused
                return
            except HwnasError:
                continue  # it is away, or something else answers in its place: the next one may reach it
