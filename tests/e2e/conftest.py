"""One measured host and one finished search for all tests from end to end."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.built_once import built_once
from tests.e2e.command import Ended, copied, profile, search, tracer


@dataclass(frozen=True)
class Watched:
    """A finished search and whom it tried to contact.

    Attributes:
        asked: Python's requests for another host, one a line; of measuring the host too.
        connects: System calls, likewise; None where the system does not let us watch.
    """

    ended: Ended
    asked: str
    connects: str | None


@pytest.fixture(scope="session")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which this host is measured, and nothing else."""

    def build(folder: Path) -> None:
        prefix = tracer(folder / "calls.txt")
        ended = profile(folder / "home", prefix, FAULTS_CONNECTIONS=str(folder / "asked.txt"))
        assert ended.status == 0, ended.told + ended.answer

    return built_once(tmp_path_factory, "profiled", build) / "home"


@pytest.fixture(scope="session")
def watched(profiled: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The search of `command.DOCUMENT`, run once where the host is measured."""

    asked = profiled.parent / "asked.txt"

    def build(folder: Path) -> None:
        prefix = tracer(folder / "calls.txt")
        ended = search(copied(profiled, folder / "home"), prefix=prefix, FAULTS_CONNECTIONS=str(asked))
        assert ended.status == 0, ended.told + ended.answer
        (folder / "answer.json").write_text(ended.answer, encoding="utf-8")
        (folder / "told.txt").write_text(ended.told, encoding="utf-8")

    folder = built_once(tmp_path_factory, "watched", build)
    answer, told = ((folder / name).read_text(encoding="utf-8") for name in ("answer.json", "told.txt"))
    calls = [file for file in (profiled.parent / "calls.txt", folder / "calls.txt") if file.exists()]
    return Watched(
        Ended(folder / "home", 0, answer, told),
        asked.read_text(encoding="utf-8") if asked.exists() else "",
        "".join(file.read_text(encoding="utf-8") for file in calls) if calls else None,
    )


@pytest.fixture(scope="session")
def finished(watched: Watched) -> Ended:
    """The same search for tests that do not ask whom it contacted."""
    return watched.ended
