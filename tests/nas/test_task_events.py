import time
from collections.abc import Iterator

import pytest

from nas.task_events import EpochDone, NetworkTimed, metered


def test_time_left_is_estimated_from_the_mean_epoch() -> None:
    event = EpochDone(epoch=2, epochs=10, step=40, loss=0.5, images_per_second=900.0, seconds=5.0)
    assert event.seconds_left == 20.0


def busy(seconds: float) -> None:
    """Use a processor for so long."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        sum(range(1000))


def timed() -> Iterator[NetworkTimed]:
    """Two events, the second of which takes longer."""
    for seconds in (0.1, 0.2):
        busy(seconds)
        yield NetworkTimed(1.0)


def test_events_tell_the_processor_time_that_they_took() -> None:
    spent = []
    for event in metered(timed()):
        spent.append(event.cpu_s)
        busy(0.3)  # what is done with an event is not the task's
    assert spent == [pytest.approx(0.1, abs=0.05), pytest.approx(0.2, abs=0.05)]


def test_processes_that_share_the_work_each_took_as_much() -> None:
    first, _ = metered(timed(), 3)
    assert first.cpu_s == pytest.approx(0.3, abs=0.15)


def test_what_it_took_makes_no_event_another_one() -> None:
    assert NetworkTimed(1.0, cpu_s=3.0) == NetworkTimed(1.0)
