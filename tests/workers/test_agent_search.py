"""A search on a board: everything is measured through its agent, and the board gets a front of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet import RUNTIME
from benchmarks.simulated_boards import SizedBoard
from nas.jobs import JobState
from nas.results import SearchResult
from tests.nas.pipeline.small_search import Home, small_spec
from tests.workers.boards_at_work import Bench, bench


@pytest.fixture
def at_work(tmp_path: Path) -> Iterator[Bench]:
    """A service with a board that waits to be started."""
    with bench(tmp_path) as opened:
        opened.board = SizedBoard("pi5")
        yield opened


def searched(home: Home, at_work: Bench, **changes: object) -> SearchResult:
    """Run a search while its board works for it."""
    job = home.submit(small_spec(**changes))
    for _ in range(60):
        state = home.attempt(job)
        if state is JobState.SUCCEEDED:
            return home.stores.stored(job).result()
        assert state in (JobState.WAITING, JobState.QUEUED)
        home.watch.serve(home.stores)
        at_work.works()
    raise AssertionError("it got no further")


def test_a_board_gets_its_front_and_a_later_one_gets_another_without_training(
    at_work: Bench, tmp_path: Path
) -> None:
    home = Home(tmp_path / "service")
    first = searched(home, at_work, targets=[{"device": "pi5"}])
    (target,) = first.targets
    registered = at_work.registered
    assert registered is not None
    assert target.device["registered"] == registered.id
    assert target.context["runtime_version"] == RUNTIME[1]
    assert target.front
    assert all(network.latency.sessions for network in target.front)
    assert home.watch.asked == [], "nothing was measured on this machine"
    (check,) = home.stores.golden.newest(registered.device.digest)
    assert (check.verdict, check.why) == ("good", "first measured here")
    delivered = {one.name for one in first.deliveries}
    scores = [network.board for network in target.networks if network.name in delivered]
    assert scores
    assert all(one is not None and one.accuracy.scored_on == "target" and one.agrees for one in scores)

    at_work.board, at_work.folder, at_work.key = SizedBoard("pi6"), tmp_path / "board2", ""
    at_work.__post_init__()
    second = searched(home, at_work, targets=[{"device": "pi6"}])
    assert second.supernet.key == first.supernet.key
    assert second.supernet.reused
    assert second.targets[0].device["registered"] != registered.id
    assert second.targets[0].front
    home.close()
