"""A job that has run out of memory computes in one process at a time."""

from collections.abc import Generator
from dataclasses import replace

from nas.task_events import Event, TensorFiles
from nas.tasks import ScoreFile, ScoreSubnets, Task, TrainNetwork, WholeSpace
from nas.training_options import Augmentation
from tests.contracts.compute_contract import OPTIONS, inputs
from workers.frugal import Frugal


class Noted:
    """Remembers what it is given."""

    at_once = 4

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def run(self, task: Task) -> Generator[Event, None, None]:
        self.tasks.append(task)
        yield from ()


def test_what_may_use_several_processes_is_given_one() -> None:
    files = TensorFiles("a" * 64, "b" * 64)
    train = TrainNetwork(inputs(), WholeSpace(), "default", OPTIONS, 1, num_workers=3)
    score = ScoreSubnets(inputs(), files, ((0, 1),), "validation", 1, Augmentation())
    single = ScoreFile(inputs(), "c" * 64, "test")
    noted = Noted()
    assert Frugal(noted).at_once == 1
    for task in (train, score, single):
        assert list(Frugal(noted).run(task)) == []
    assert noted.tasks == [replace(train, num_workers=1), replace(score, num_workers=1), single]
