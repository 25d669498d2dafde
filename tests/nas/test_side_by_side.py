"""Tasks that run side by side: what they say comes as it is said, and none is left when one fails."""

import threading
from collections.abc import Iterator

import pytest

from nas.data.spec import DigitsSpec
from nas.side_by_side import run_all
from nas.specs import SpaceSpec
from nas.task_events import Event, StepsDone
from nas.tasks import Inputs, ScoreFile, Task
from search_spaces.errors import ComputeError


def tasks(count: int) -> list[Task]:
    return [ScoreFile(Inputs(DigitsSpec(), "d", SpaceSpec()), f"{number}", "test") for number in range(count)]


class Step:
    """A run of three steps; each waits until it may be made."""

    def __init__(self, place: "Scripted", number: int) -> None:
        self._place = place
        self._number = number
        self._made = 0
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        place = self._place
        place.threads.add(threading.get_ident())
        if self._made == 3:
            place.going.discard(self._number)
            raise StopIteration
        place.going.add(self._number)
        place.most = max(place.most, len(place.going))
        if self._number == place.fails and self._made:
            raise ComputeError("task_died", "it died")
        while not place.may_step(self._number, self._made):
            if self.closed.wait(0.001):
                raise ComputeError("task_cancelled", "the task was cancelled")
        self._made += 1
        return StepsDone(self._made, 3)

    def close(self) -> None:
        self.closed.set()


class Scripted:
    """Steps of runs. Where two may run, 0 makes its last step after 1 its first, and that after 0's second.

    Attributes:
        only: The only run that may step; None where all may.
        most: Runs that were under way at a time.
    """

    def __init__(self, at_once: int, only: int | None = None, fails: int | None = None) -> None:
        self.at_once = at_once
        self.only = only
        self.fails = fails
        self.count = self.most = 0
        self.runs: list[Step] = []
        self.going: set[int] = set()
        self.threads: set[int] = set()
        self.heard: list[tuple[int, int]] = []

    def may_step(self, number: int, made: int) -> bool:
        if self.only is not None:
            return number == self.only
        after = {(1, 0): (0, 2), (0, 2): (1, 1)} if min(self.at_once, self.count) > 1 else {}
        return after.get((number, made)) is None or after[number, made] in self.heard

    def run(self, task: Task) -> Step:
        assert isinstance(task, ScoreFile)
        self.runs.append(Step(self, int(task.file)))
        return self.runs[-1]

    def hear(self, count: int) -> None:
        """Run so many tasks to their ends."""
        self.count = count
        for number, event in run_all(self, tasks(count), self.at_once):
            assert isinstance(event, StepsDone)
            self.heard.append((number, event.step))


@pytest.mark.parametrize("at_once", [1, 2, 3, 8])
def test_each_is_heard_to_its_end_and_no_more_run_at_a_time_than_may(at_once: int) -> None:
    place = Scripted(at_once)
    place.hear(5)
    assert sorted(place.heard) == [(number, step) for number in range(5) for step in (1, 2, 3)]
    for number in range(5):
        assert [step for one, step in place.heard if one == number] == [1, 2, 3]
    assert place.most <= at_once
    assert len(place.runs) == 5


def test_one_by_one_they_run_in_the_thread_that_asks() -> None:
    for at_once, count in ((1, 3), (4, 1)):
        place = Scripted(at_once)
        place.hear(count)
        assert place.threads == {threading.get_ident()}


def test_what_one_says_is_heard_while_another_waits() -> None:
    place = Scripted(2)
    place.hear(2)
    assert place.heard.index((0, 2)) < place.heard.index((1, 1))
    assert place.most == 2


def test_the_first_error_ends_the_others() -> None:
    place = Scripted(3, only=2, fails=2)
    with pytest.raises(ComputeError, match="it died"):
        place.hear(4)
    assert [run.closed.is_set() for run in place.runs[:2]] == [True, True]
    assert len(place.runs) == 3


def test_whoever_stops_listening_leaves_nothing_that_runs() -> None:
    place = Scripted(2, only=0)
    events = run_all(place, tasks(3), 2)
    assert next(events) == (0, StepsDone(1, 3))
    events.close()
    assert [run.closed.is_set() for run in place.runs] == [True, True]
