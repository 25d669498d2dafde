"""Progress of a job: a watermark that never falls, few events, and an end where it is asked for."""

from typing import Any

import pytest

from nas.leases import LeaseLost
from nas.pipeline.images import LOOKING, RESIZING
from tests.nas.pipeline.small_search import Recorder
from workers.job_progress import Both, JobProgress

PHASES = ("profile", "train", "verify")


class Told:
    """What a queue and watchers are told, by a clock that is set by hand."""

    def __init__(self, reached: int = 0) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.stop: Exception | None = None
        self.now = 0.0
        self.progress = JobProgress(PHASES, reached, self._report, self._check, lambda: self.now)

    def _report(self, kind: str, data: dict[str, Any]) -> None:
        self.events.append((kind, data))

    def _check(self) -> None:
        if self.stop is not None:
            raise self.stop

    @property
    def done(self) -> list[tuple[str, float]]:
        return [(data["phase"], data["done"]) for kind, data in self.events if kind == "progress"]


def test_the_watermark_rises_through_the_phases() -> None:
    told = Told()
    seen = []
    for phase, done in (("profile", 0.0), ("profile", 1.0), ("train", 0.0), ("train", 1.0), ("verify", 2.0)):
        told.progress.step(phase, done, 2.0)
        seen.append(told.progress.watermark)
    assert seen == [0, 500_000, 1_000_000, 1_500_000, 3_000_000]


def test_the_watermark_never_falls() -> None:
    told = Told(reached=1_700_000)
    told.progress.step("profile", 1, 1)
    told.progress.step("train", 1, 2)
    assert told.progress.watermark == 1_700_000
    told.progress.step("train", 9, 10)
    assert told.progress.watermark == 1_900_000


def test_nothing_to_do_is_done() -> None:
    told = Told()
    told.progress.step("train", 0, 0)
    assert told.progress.watermark == 2_000_000


def test_a_phase_that_a_job_does_not_have_raises_nothing() -> None:
    told = Told(reached=900_000)
    told.progress.step("measure", 1, 2)
    assert told.progress.watermark == 900_000


def test_steps_in_quick_succession_are_told_once_in_a_while() -> None:
    told = Told()
    for number in range(100):
        told.now = 0.1 * number
        told.progress.step("train", number, 1_000)
    # Every half second, in ten seconds.
    assert [done for _, done in told.done] == list(range(0, 100, 5))


def test_the_beginning_and_the_end_of_a_phase_are_always_told() -> None:
    told = Told()
    told.progress.step("profile", 0, 2)
    told.progress.step("profile", 1, 2)
    told.progress.step("profile", 2, 2)
    told.progress.step("train", 0, 2, "loss 2.3")
    assert told.done == [("profile", 0), ("profile", 2), ("train", 0)]
    assert told.events[-1] == ("progress", {"phase": "train", "done": 0, "total": 2, "note": "loss 2.3"})


def test_a_job_of_days_is_told_less_often() -> None:
    told = Told()
    told.progress.step("train", 0, 1e6)
    told.now = 100_000.0
    told.progress.step("train", 1, 1e6)
    for number in range(2, 2_000):
        told.now += 1.0
        told.progress.step("train", number, 1e6)
    # A hundredth of the time that it has run: every thousand seconds.
    assert len(told.done) == 2 + 1


def test_messages_are_told_at_once() -> None:
    told = Told()
    told.progress.say("training goes on after epoch 3 of 9")
    assert told.events == [("message", {"text": "training goes on after epoch 3 of 9"})]


def test_a_job_that_has_to_stop_tells_nothing_more() -> None:
    told = Told()
    told.stop = LeaseLost("another worker has the job")
    with pytest.raises(LeaseLost):
        told.progress.say("still here")
    with pytest.raises(LeaseLost):
        told.progress.step("train", 1, 2)
    assert told.events == []
    assert told.progress.watermark == 0


def test_two_are_told_the_same() -> None:
    first, second = Recorder(), Recorder()
    both = Both(first, second)
    both.step("train", 1, 2, "note")
    both.say("words")
    assert first == second == Recorder([("train", 1, 2, "note")], ["words"])


def test_figures_reach_watchers_as_they_are_until_the_job_is_stopped() -> None:
    told = Told()
    Both(told.progress, Recorder()).figures("epoch", epoch=3, loss=0.5)
    assert told.events == [("epoch", {"epoch": 3, "loss": 0.5})]
    told.stop = LeaseLost("gone")
    with pytest.raises(LeaseLost):
        told.progress.figures("epoch", epoch=4, loss=0.4)
    assert len(told.events) == 1


def test_decoding_images_gets_a_job_further_by_the_least() -> None:
    """It goes on for long before a phase, or between two, and takes nothing of what they raise."""
    told = Told(reached=1_000_000)
    seen = []
    for stretch, done in ((LOOKING, 0), (LOOKING, 64), (RESIZING, 0), (RESIZING, 64), (RESIZING, 128)):
        told.progress.step(stretch, done, 128, "images")
        seen.append(told.progress.watermark)
    assert seen == [1_000_000, 1_000_001, 1_000_001, 1_000_002, 1_000_003]
    told.progress.step("train", 1, 100)
    assert told.progress.watermark == 1_010_000
    assert told.done[:2] == [("images", 0), ("resizing", 0)]
