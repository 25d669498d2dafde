"""One finished search for all tests from end to end."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import Ended, search


@dataclass(frozen=True)
class Watched:
    """A finished search and whom it tried to contact.

    Attributes:
        asked: Python's requests for another host, one a line.
        connects: System calls; None where the system does not let us watch.
    """

    ended: Ended
    asked: str
    connects: list[str] | None


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The search of `command.DOCUMENT`, run once in an empty home."""
    folder: Path = tmp_path_factory.mktemp("e2e")
    asked, calls = folder / "asked.txt", folder / "calls.txt"
    # With a filter in the kernel, only these calls stop the process: measuring is not disturbed.
    tracer = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "-o", str(calls))
    prefix = tracer if _works((*tracer, "true")) else ()
    ended = search(folder / "home", prefix=prefix, FAULTS_CONNECTIONS=str(asked))
    assert ended.status == 0, ended.told + ended.answer
    return Watched(
        ended,
        asked.read_text(encoding="utf-8") if asked.exists() else "",
        calls.read_text(encoding="utf-8").splitlines() if prefix else None,
    )


@pytest.fixture(scope="session")
def finished(watched: Watched) -> Ended:
    """The same search for tests that do not ask whom it contacted."""
    return watched.ended


def _works(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
