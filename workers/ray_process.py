"""The process that drives Ray, seen from the one that gives it tasks."""

import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import Final, final

from nas.faults import as_compute_error
from nas.tasks import Task
from nas.workplace import clear_scratch
from search_spaces.errors import ComputeError
from workers.oom_kills import oom_kills
from workers.ray_environment import environment
from workers.ray_messages import Begin, Cancel, Ended, Leave, Ready, Said, Start, Unable, Workshop
from workers.sessions import end_session

OBJECT_STORE_BYTES: Final = 100 * 2**20
"""What tasks hand over is small: everything large goes through the artifact store."""

_BEGIN_S: Final = 120.0
"""A Ray that is not there by then is given up."""

_END_S: Final = 20.0
"""A Ray that has not ended by itself by then is ended."""

_CANCEL_S: Final = 30.0
"""A task that has not ended by then is ended with the Ray that it runs on."""


@final
class RunMessages:
    """What a run said and nobody has read yet.

    Attributes:
        number: Of the run.
        waiting: In order.
        over: Set when nothing of the run is left.
    """

    def __init__(self) -> None:
        self.number = 0
        self.waiting: queue.SimpleQueue[Said | Ended] = queue.SimpleQueue()
        self.over = threading.Event()


@final
class DriverProcess:
    """A driver with its Ray.

    Args:
        workshop: What tasks need.
        place: Where a folder for the files of a local Ray is made.
        address: Of the cluster to join; without it a local Ray is started.
        num_cpus: Of the local Ray.
        silence_s: Of the head of a joined cluster, after which it is lost.

    Raises:
        ComputeError: There is no Ray to be had.
    """

    def __init__(
        self,
        workshop: Workshop,
        place: Path,
        address: str | None = None,
        num_cpus: int = 0,
        silence_s: float = 0.0,
    ) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, RunMessages] = {}
        self._last_run = 0
        self._ending = False
        self._scratch = workshop.folder / "scratch"
        self._kills = oom_kills()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="hwnas-", dir=place))
        except OSError as error:
            raise as_compute_error(error) from error
        self._connection, theirs = Pipe()
        with theirs, (self._folder / "driver.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.ray_driver", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment(os.environ, address, Path(__file__).resolve().parents[1]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for this process, which then ends that one.
                start_new_session=True,
            )
        try:
            self._begin(Begin(address, num_cpus, OBJECT_STORE_BYTES, self._folder, workshop, silence_s))
        except BaseException:
            self._process.kill()
            self._clear()
            raise
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def ending(self) -> bool:
        """Whether it has ended or begun to: it takes no task. `close` waits for its end."""
        return self._ending

    def start(self, task: Task, messages: RunMessages) -> bool:
        """Run a task; return False where it was not taken, because the driver is ending."""
        with self._lock:
            if self._ending:
                return False
            self._last_run += 1
            messages.number = self._last_run
            # Before it is told: its answer may be there before this thread goes on.
            self._runs[messages.number] = messages
            if not self._tell(Start(messages.number, task)):
                self._ending = True
                del self._runs[messages.number]
            return not self._ending

    def cancel(self, messages: RunMessages) -> None:
        """End a run and wait until nothing of it is left."""
        with self._lock:
            if messages.number in self._runs:
                self._tell(Cancel(messages.number))
        if not messages.over.wait(_CANCEL_S):
            self.close()

    def close(self) -> None:
        """End it and everything that it started; nothing of it is left when this returns."""
        with self._lock:
            self._ending = True
            self._tell(Leave())
        self._listener.join(_END_S)
        self._process.kill()
        self._listener.join()

    def _begin(self, begin: Begin) -> None:
        try:
            self._connection.send(begin)
            answer = self._connection.recv() if self._connection.poll(_BEGIN_S) else None
        except (EOFError, OSError) as error:
            raise self._unready(begin, "") from error
        if answer is None:
            raise self._unready(begin, f" in {_BEGIN_S:g} s")
        if isinstance(answer, Unable):
            raise answer.error
        assert isinstance(answer, Ready), f"a driver begins with that it is ready, not with {answer}"

    def _unready(self, begin: Begin, when: str) -> ComputeError:
        if begin.address is None:
            return ComputeError("node_lost", f"Ray did not start{when}: {self._last_words()}")
        return ComputeError(
            "ray_away", f"the Ray cluster at {begin.address} was not joined{when}: {self._last_words()}"
        )

    def _tell(self, message: Start | Cancel | Leave) -> bool:
        try:
            self._connection.send(message)
        except OSError:
            return False
        return True

    def _listen(self) -> None:
        error: ComputeError | None = None
        try:
            while (message := self._hear()) is not None:
                self._pass_on(message)
        except Exception as unread:  # noqa: BLE001 - whatever it is, who waits is told
            self._process.kill()
            error = ComputeError(
                "task_crashed",
                f"what Ray's driver said was not understood: {type(unread).__name__}: {unread}",
            )
        with self._lock:
            self._ending = True
        error = error or self._lost()
        self._clear()
        with self._lock:
            self._connection.close()
            for number, messages in self._runs.items():
                messages.waiting.put(Ended(number, error))
                messages.over.set()

    def _pass_on(self, message: Said | Ended) -> None:
        messages = self._runs[message.run]
        if isinstance(message, Ended):
            del self._runs[message.run]
            messages.over.set()
        messages.waiting.put(message)

    def _hear(self) -> Said | Ended | None:
        try:
            message: Said | Ended = self._connection.recv()
        except (EOFError, OSError):
            return None
        return message

    def _lost(self) -> ComputeError:
        if oom_kills() > self._kills:
            return ComputeError(
                "task_out_of_memory", "the kernel ended Ray or what it ran for want of memory: give it more"
            )
        return ComputeError("node_lost", f"Ray ended under its tasks: {self._last_words()}; run them again")

    def _clear(self) -> None:
        """Wait for the end of the process; remove what it left."""
        self._process.wait()
        end_session(self._process.pid)
        shutil.rmtree(self._folder, ignore_errors=True)
        clear_scratch(self._scratch)

    def _last_words(self) -> str:
        log = self._folder / "driver.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return lines[-1] if lines else "it said nothing"
