"""Homes of workers, and one with a finished search."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.results import SearchResult
from nas.settings import Settings
from tests.nas.pipeline.small_search import Recorder, small_spec, stopwatch
from tests.workers.jobs_at_work import Workplace, workplace
from workers.inprocess import run_search


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """An empty home, its stores open."""
    with workplace(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    """A home with the small search finished, and its result; tests change a copy."""
    home = tmp_path_factory.mktemp("searched") / "home"
    with stopwatch():
        return home, run_search(small_spec(), Settings(home=home), Recorder())


@pytest.fixture
def searched_home(searched: tuple[Path, SearchResult], tmp_path: Path) -> Path:
    """A copy of that home: whatever a search of the same space needs is measured."""
    return Path(shutil.copytree(searched[0], tmp_path / "searched"))
