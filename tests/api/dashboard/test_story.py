from collections.abc import Mapping
from pathlib import Path

import pytest

from api.dashboard.story import LOG_LINES, Story, told
from nas.job_records import JobEvent
from nas.jobs import Fault, Faulted
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.searched import NETWORKS, running_search


def story(*events: tuple[str, Mapping[str, object]], attempts: tuple[int, ...] = ()) -> Story:
    """What events tell, a second after each other."""
    numbers = attempts or (1,) * len(events)
    return told(
        JobEvent(number, attempt, kind, data, 1_000 * number)
        for number, (attempt, (kind, data)) in enumerate(zip(numbers, events, strict=True), 1)
    )


def step(phase: str, done: float, total: float = 10, note: str = "n") -> tuple[str, dict[str, object]]:
    return "progress", {"phase": phase, "done": done, "total": total, "note": note}


def test_a_running_search_is_told_from_what_its_worker_wrote(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        run = running_search(stores)
        found = told(stores.jobs.events("local", run.id))
    assert found.current == "verify"
    assert found.stages["train"].finished
    assert [found.epochs[number].loss for number in (1, 3)] == [1.25, 0.75]
    assert [one.name for one in found.networks(1)] == [one["name"] for one in NETWORKS]
    assert [one.text for one in found.log] == [
        "Submitted",
        "Worker handmade runs it, attempt 1",
        "phase verify",
    ]
    assert found.started_ms > 0


def test_a_round_that_was_told_twice_counts_once() -> None:
    first = {"name": "a", "within_limits": True, "accuracy": 0.5, "latency_ms": 1.0}
    found = story(
        ("verified", {"target": 1, "round": 1, "networks": [first]}),
        ("verified", {"target": 2, "round": 1, "networks": []}),
        ("verified", {"target": 1, "round": 1, "networks": [first, {**first, "name": "b"}]}),
    )
    assert [one.name for one in found.networks(1)] == ["a", "b"]
    assert found.networks(2) == []


def test_the_time_between_two_attempts_is_not_taken_for_slowness() -> None:
    steps = [step("train", 0), step("train", 1)]
    later = JobEvent(9, 2, *step("train", 1), at_ms=9_000_000)
    after = JobEvent(10, 2, *step("train", 2), at_ms=9_001_000)
    found = story(*steps)
    found.take(later)
    found.take(after)
    # One unit took one second: eight are left.
    assert found.stages["train"].seconds_left(9_001.0) == pytest.approx(8.0)


def test_a_fault_says_what_and_when_it_is_tried_again() -> None:
    fault = {"fault": "disk", "code": "disk_full", "message": "no room", "delay_ms": 30_000}
    assert story(("queued", fault)).log[0].text == "disk_full: no room; tried again in 30 s"
    assert story(("failed", fault)).log[0].text == "disk_full: no room"
    assert story(("failed", fault)).log[0].level == "fault"


def test_the_log_keeps_its_last_lines() -> None:
    found = story(*(("message", {"text": str(n)}) for n in range(LOG_LINES + 5)))
    assert (found.log[0].text, len(found.log)) == ("5", LOG_LINES)


def test_faults_are_told_as_the_queue_writes_them(tmp_path: Path) -> None:
    with opened_stores(Settings(home=tmp_path / "home")) as stores:
        run = running_search(stores)
        stores.queue.settle(run.lease, Faulted(Fault.CRASH, "crash", "the process ended"))
        last = told(stores.jobs.events("local", run.id)).log[-1]
    assert last.text == "crash: the process ended; tried again in 2 s"
