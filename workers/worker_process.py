"""The worker that a command starts for itself where none is alive."""

import os
import signal
import subprocess
import sys
import time
from types import TracebackType
from typing import Final, Self, final

from nas.settings import Settings
from nas.store.stores import Stores
from search_spaces.errors import HwnasError
from workers.host import known_dead

STARTS: Final = 3
"""Workers in a row that die young: one that is killed is replaced, one that cannot live is not."""

YOUNG_S: Final = 60.0
"""Whatever has lived for longer can live."""

DRAIN_S: Final = 30.0


@final
class LocalWorker:
    """Sees to it that a worker is alive while the body runs; one that it started ends with it.

    Where this process is killed, the worker ends by itself when it has nothing left to do.

    Args:
        settings: Of this process, for the worker's environment.
        stores: Where workers are registered.
    """

    def __init__(self, settings: Settings, stores: Stores) -> None:
        self._settings = settings
        self._stores = stores
        self._process: subprocess.Popen[bytes] | None = None
        self._log = settings.home / "worker.log"
        self._started = 0
        self._started_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            # A drain: the job is given back at its next step, and the next worker goes on with it.
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(DRAIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._let_go()

    def keep_alive(self) -> None:
        """Start a worker where none is alive.

        Raises:
            HwnasError: `no_worker`, with the last words of one that cannot live.
        """
        if self._process is not None and self._process.poll() is None:
            return
        if any(not known_dead(worker.facts) for worker in self._stores.workers.alive()):
            return
        if time.monotonic() - self._started_at > YOUNG_S:
            self._started = 0
        if self._started == STARTS:
            raise HwnasError(
                "no_worker",
                f"the worker ended {STARTS} times with status {self._status()}: {self._last_words()}; "
                f"{self._log} has the rest",
            )
        self._let_go()
        self._started, self._started_at = self._started + 1, time.monotonic()
        command = [sys.executable, "-c", "import hwnas; hwnas.main()", "worker", "--until-eof"]
        # In a session of its own: Ctrl-C is for the command, which then drains the worker.
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **self._settings.as_environment()},
                # Never written to: it ends with this process, however that ends.
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def _let_go(self) -> None:
        """Close this end of the pipe to a worker that has ended."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _status(self) -> int | None:
        return self._process.returncode if self._process else None

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
