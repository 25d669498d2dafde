"""Homes of workers, and one with a finished search."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.results import SearchResult
from nas.settings import Settings
from tests.built_once import built_once
from tests.nas.pipeline.small_search import Recorder, frugal_searches, small_spec, stopwatch
from tests.workers.jobs_at_work import Workplace, workplace
from workers.inprocess import run_search


@pytest.fixture(scope="session", autouse=True)
def _frugal_searches() -> Iterator[None]:
    with frugal_searches():
        yield


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """An empty home, its stores open."""
    with workplace(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SearchResult]:
    """A home with the small search finished, and its result; tests change a copy."""

    def build(folder: Path) -> None:
        with stopwatch():
            result = run_search(small_spec(), Settings(home=folder / "home"), Recorder())
        (folder / "result.json").write_text(result.model_dump_json(), encoding="utf-8")

    folder = built_once(tmp_path_factory, "searched", build)
    result = SearchResult.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
    return folder / "home", result


@pytest.fixture
def searched_home(searched: tuple[Path, SearchResult], tmp_path: Path) -> Path:
    """A copy of that home: whatever a search of the same space needs is measured."""
    return Path(shutil.copytree(searched[0], tmp_path / "searched"))
