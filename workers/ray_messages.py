"""What this process and the one that drives Ray say to each other."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nas.ports import Artifacts
from nas.task_events import Event
from nas.tasks import Task
from search_spaces.errors import HwnasError


@dataclass(frozen=True)
class Workshop:
    """What a task needs on whatever machine it runs.

    Attributes:
        artifacts: Opens the artifact store; can be pickled.
        folder: For scratch and decoded images.
        proxies: Of the environment, by name, as the processes of Ray would not have them.
    """

    artifacts: Callable[[], Artifacts]
    folder: Path
    proxies: Mapping[str, str]


@dataclass(frozen=True)
class Begin:
    """The first message to the driver: which Ray.

    Attributes:
        address: Of a cluster to join, or None to start one.
        num_cpus: Of the one to start.
        object_store_bytes: Of the one to start.
        folder: For the files of the one to start.
        silence_s: Of the head of the one to join, after which it is lost.
    """

    address: str | None
    num_cpus: int
    object_store_bytes: int
    folder: Path
    workshop: Workshop
    silence_s: float


@dataclass(frozen=True)
class Start:
    """Run a task.

    Attributes:
        run: Number that all about it is said with.
    """

    run: int
    task: Task


@dataclass(frozen=True)
class Cancel:
    """End a run; it is answered like one that failed."""

    run: int


@dataclass(frozen=True)
class Leave:
    """End, and the Ray that was started with it."""


@dataclass(frozen=True)
class Ready:
    """The driver has its Ray."""


@dataclass(frozen=True)
class Unable:
    """The driver has no Ray and ends."""

    error: HwnasError


@dataclass(frozen=True)
class Said:
    """A task said something."""

    run: int
    event: Event


@dataclass(frozen=True)
class Ended:
    """A run is over.

    Attributes:
        error: Why it did not come to its end; None where it did.
    """

    run: int
    error: HwnasError | None = None


@dataclass(frozen=True)
class Seat:
    """The place of a worker among those that train together.

    Attributes:
        rank: Its number.
        size: How many there are.
        key: That they know each other by.
        address: Host and port of number 0; None for itself.
    """

    rank: int
    size: int
    key: bytes
    address: tuple[str, int] | None
