"""One measured host and one finished search for all tests from end to end."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import Ended, copied, profile, search


@dataclass(frozen=True)
class Watched:
    """A finished search and whom it tried to contact.

    Attributes:
        asked: Python's requests for another host, one a line; of measuring the host too.
        connects: System calls; None where the system does not let us watch.
    """

    ended: Ended
    asked: str
    connects: list[str] | None


@pytest.fixture(scope="session")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which this host is measured, and nothing else."""
    folder = tmp_path_factory.mktemp("profiled")
    ended = profile(folder / "home", FAULTS_CONNECTIONS=str(folder / "asked.txt"))
    assert ended.status == 0, ended.told + ended.answer
    return ended.home


@pytest.fixture(scope="session")
def watched(profiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The search of `command.DOCUMENT`, run once where the host is measured."""
    folder: Path = tmp_path_factory.mktemp("e2e")
    asked, calls = (profiled.parent / "asked.txt", folder / "calls.txt")
    # With a filter in the kernel, only these calls stop the process: measuring is not disturbed.
    tracer = ("strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect", "-o", str(calls))
    prefix = tracer if _works((*tracer, "true")) else ()
    ended = search(copied(profiled, folder / "home"), prefix=prefix, FAULTS_CONNECTIONS=str(asked))
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
