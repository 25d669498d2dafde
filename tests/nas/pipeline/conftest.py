"""One finished search for all tests of the phases."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nas.pipeline.context import PhaseContext
from nas.pipeline.runner import open_context, run_search
from nas.results import SearchResult, TargetResult
from nas.settings import Settings
from nas.store.run_folder import RunFolder
from tests.nas.pipeline.small_search import Recorder, Stopwatch, small_spec, stopwatch


@dataclass(frozen=True)
class FinishedSearch:
    """A search at its end.

    Attributes:
        asked: What was measured for it, one list of digests a call.
    """

    home: Path
    result: SearchResult
    progress: Recorder
    asked: list[list[str]]

    @property
    def run(self) -> RunFolder:
        """Its folder."""
        return RunFolder(Settings(home=self.home).searches / self.result.id)

    @property
    def target(self) -> TargetResult:
        """Its only target."""
        return self.result.targets[0]

    def context(self) -> PhaseContext:
        """What its phases were given."""
        return open_context(self.result.spec, Settings(home=self.home), Recorder(), self.run)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedSearch:
    """A small search, run once; tests read it and change nothing."""
    home = tmp_path_factory.mktemp("home")
    progress = Recorder()
    with stopwatch() as watch:
        result = run_search(small_spec(), Settings(home=home), progress)
    return FinishedSearch(home, result, progress, watch.asked)


@pytest.fixture
def watch() -> Iterator[Stopwatch]:
    """The stopwatch in the place of measuring processes for one test."""
    with stopwatch() as found:
        yield found
