"""Files that another meter has seen are measured again; what any has seen stays."""

from functools import partial

import pytest

from latency_predictors.energy_figure import Scope
from latency_predictors.energy_sessions import scopes_seen
from nas.pipeline.context import PhaseContext
from nas.pipeline.measuring import MeasuredAsFar
from nas.pipeline.watched_files import watched_as_far
from search_spaces.errors import UsageError
from tests.nas.pipeline.conftest import FinishedSearch
from tests.nas.pipeline.sites import here
from tests.nas.pipeline.small_search import Home, Recorder, measured


@pytest.fixture
def files(finished: FinishedSearch) -> list[str]:
    """Two files of networks."""
    return [network.file_sha256 for network in finished.target.networks[:2]]


def watched(home: Home, ctx: PhaseContext, files: list[str], scope: Scope | None = None) -> MeasuredAsFar:
    """What a meter has seen of them, once it has."""
    wanted = {file: partial(str, file) for file in files}
    found = measured(home, lambda: watched_as_far(ctx, here(), wanted, scope))
    assert isinstance(found, MeasuredAsFar)
    return found


def scopes(found: MeasuredAsFar) -> list[tuple[str, Scope]]:
    """What was seen of which file, a session each."""
    return sorted(pair for one in found.sessions for pair in scopes_seen(one))


def test_a_meter_that_stays_sees_each_file_once(copied: Home, files: list[str]) -> None:
    for seed in (0, 1):
        found = watched(copied, copied.context(seed=seed), files)
        assert scopes(found) == sorted((file, "board") for file in files * 2)
    assert [sorted(asked) for asked in copied.watch.asked] == [sorted(files)]


def test_a_meter_that_sees_something_else_ends_a_search_that_began_with_another(
    copied: Home, files: list[str]
) -> None:
    first = copied.context()
    watched(copied, first, files[:1], "board")
    copied.watch.scope = "wall"
    for _ in range(2):
        with pytest.raises(UsageError, match="a meter that sees the board") as caught:
            watched(copied, first, files, "board")
        assert caught.value.code == "mixed_energy"
    assert copied.watch.asked == [files[:1], files[1:]], "nothing is asked for again and again"


def test_the_next_search_has_every_file_seen_by_the_meter_that_is_there(
    copied: Home, files: list[str]
) -> None:
    watched(copied, copied.context(), files[:1])
    copied.watch.scope = "wall"
    watched(copied, copied.context(seed=1), files[1:], "wall")
    shown = Recorder()
    later = copied.context(shown, seed=2)
    for _ in range(2):
        assert scopes(watched(copied, later, files)) == sorted((file, "wall") for file in files * 2)
    assert copied.watch.asked == [files[:1], files[1:], files[:1]]
    (said,) = [one for one in shown.said if "once more" in one]
    assert said.endswith("the meter there sees the wall now")


def test_what_a_meter_saw_counts_again_when_it_is_back(copied: Home, files: list[str]) -> None:
    ctx = copied.context()
    watched(copied, ctx, files[:1])
    copied.watch.scope = "wall"
    watched(copied, ctx, files[1:], "wall")
    copied.watch.scope = "board"
    later = copied.context(seed=1)
    assert scopes(watched(copied, later, files, "board")) == sorted((file, "board") for file in files * 2)
    assert copied.watch.asked == [files[:1], files[1:], files[1:]]
    assert scopes(watched(copied, copied.context(seed=2), files[1:])) == [(files[1], "board")] * 2
