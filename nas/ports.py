"""What phases and tasks ask of their surroundings: narrow protocols, each with several implementations."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from nas.task_events import Event
from nas.tasks import Task


class Artifacts(Protocol):
    """Content-addressed files; everything durable that is no row."""

    def put(self, content: bytes) -> str:
        """Keep content; return its SHA-256.

        It is durable when this returns; the same content is kept once.
        """

    def put_file(self, path: Path) -> str:
        """Keep a file's content likewise."""

    def get(self, digest: str) -> bytes:
        """Return verified content.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """

    def local_path(self, digest: str, suffix: str = "") -> Path:
        """Return a verified file on this machine with the content, whose name ends in `suffix`.

        It is not to be changed.
        """

    def has(self, digest: str) -> bool:
        """Return whether content is there (not whether it is sound)."""

    def remove(self, digest: str) -> None:
        """Remove content, if it is there."""


class Compute(Protocol):
    """Runs tasks, here or elsewhere."""

    def run(self, task: Task) -> Iterator[Event]:
        """Yield what a task says, as it says it.

        Closing the iterator cancels the task; nothing of it runs on then. Several may run at a time.

        Raises:
            HwnasError: What the task raised, as it raised it.
            ComputeError: What ran the task failed: the same task may succeed when it is run again.
        """
