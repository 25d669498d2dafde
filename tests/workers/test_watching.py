"""Whoever watches a job sees what happens from now on, until it has ended."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import update

from latency_predictors.device import host_device
from nas.job_records import Job
from nas.jobs import Fault, Faulted, JobState, Released, Succeeded, Waiting
from nas.leases import Lease
from nas.store.bound import BOUND
from nas.store.measurement_tables import agents, devices
from nas.store.session import writing
from search_spaces.errors import HwnasError
from tests.nas.pipeline.small_search import Recorder
from tests.nas.store.boards import new_board, tasks_for
from tests.workers.jobs_at_work import TENANT, Workplace
from tests.workers.test_measuring import waiting_for
from workers import watching
from workers.watching import watch


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.001)


def watched(place: Workplace, job: Job, happens: Iterator[object]) -> tuple[Recorder, Job]:
    """Watch a job while something happens each time that the watcher looks."""
    told = Recorder()

    def look() -> None:
        next(happens, None)

    return told, watch(place.stores, job, told, look)


def steps(*actions: Callable[[], object]) -> Iterator[object]:
    return (action() for action in actions)


def claimed(place: Workplace) -> Lease:
    (claim,) = place.stores.queue.claim("w")
    return claim.lease


def reported(place: Workplace, lease: Lease, *numbers: int) -> None:
    for done in numbers:
        data = {"phase": "train", "done": done, "total": 9, "note": f"epoch {done}"}
        place.stores.results.report(lease, "progress", data)


def test_progress_and_messages_are_shown_once_and_in_order(place: Workplace) -> None:
    job = place.submit()
    lease = claimed(place)
    told, ended = watched(
        place,
        job,
        steps(
            lambda: reported(place, lease, 1),
            lambda: None,
            lambda: place.stores.results.report(lease, "message", {"text": "phase train"}),
            lambda: reported(place, lease, 2, 3),
            lambda: place.stores.queue.settle(lease, Succeeded()),
        ),
    )
    assert [done for _, done, _, _ in told.steps] == [1, 2, 3]
    assert told.steps[0] == ("train", 1, 9, "epoch 1")
    assert told.said == ["phase train"]
    assert (ended.id, ended.state) == (job.id, JobState.SUCCEEDED)


def test_what_happened_before_is_not_told_again(place: Workplace) -> None:
    job = place.submit()
    lease = claimed(place)
    for done in range(3):
        reported(place, lease, done)
    told, _ = watched(
        place,
        job,
        steps(lambda: reported(place, lease, 7), lambda: place.stores.queue.settle(lease, Succeeded())),
    )
    assert [done for _, done, _, _ in told.steps] == [7]


def test_what_runs_before_a_queued_job_is_told_once(place: Workplace) -> None:
    first = place.submit()
    lease = claimed(place)
    second = place.submit()
    told, ended = watched(
        place,
        second,
        steps(
            lambda: None,
            lambda: None,
            lambda: place.stores.queue.settle(lease, Succeeded()),
            lambda: None,
            lambda: place.stores.queue.settle(claimed(place), Succeeded()),
        ),
    )
    assert told.said == [f"{second.kind} {second.id} waits for its turn; before it: {first.kind} {first.id}"]
    assert ended.state is JobState.SUCCEEDED


def test_a_job_that_has_ended_is_not_waited_for(place: Workplace) -> None:
    job = place.submit()
    place.stores.queue.settle(claimed(place), Succeeded())
    told, ended = watched(place, job, steps())
    assert ended.state is JobState.SUCCEEDED
    assert told == Recorder()


def test_an_attempt_that_failed_is_told_with_when_it_is_tried_again(place: Workplace) -> None:
    job = place.submit()
    crash = Faulted(Fault.CRASH, "worker_failed", "KeyError: 'depth'")

    def fail() -> JobState:
        place.let_time_pass(100_000)
        return place.stores.queue.settle(claimed(place), crash)

    told, ended = watched(place, job, steps(fail, fail, fail))
    assert told.said == [
        "attempt 1 failed: KeyError: 'depth'; tried again in 2 s",
        "attempt 2 failed: KeyError: 'depth'; tried again in 4 s",
        "attempt 3 failed: KeyError: 'depth'",
    ]
    assert ended.state is JobState.PARKED


def test_while_it_waits_the_progress_of_the_device_is_shown(place: Workplace) -> None:
    claim = waiting_for(place, "a")
    job = place.stores.jobs.get(TENANT, claim.lease.job_id)

    def measure(done: int) -> None:
        until = {"lease_until_ms": 2**50, "measured": done, "to_measure": 20}
        with writing(place.stores.engine) as connection:
            values = devices.c.digest == host_device().digest
            connection.execute(update(devices).where(values).values(until))

    told, _ = watched(
        place,
        job,
        steps(
            lambda: None,
            lambda: measure(5),
            lambda: measure(6),
            lambda: place.stores.jobs.request_cancel(TENANT, job.id),
        ),
    )
    assert told.steps == [
        ("measure", 5, 20, "measuring on this host"),
        ("measure", 6, 20, "measuring on this host"),
    ]


def test_why_nothing_happens_on_a_board_is_told_once_and_how_far_it_is(place: Workplace) -> None:
    engine = place.stores.engine
    board = new_board(engine)
    place.submit()
    lease = claimed(place)
    place.stores.measurements.enqueue(lease, tasks_for(board))
    place.stores.queue.settle(lease, Waiting())
    job = place.stores.jobs.get(TENANT, lease.job_id)
    assert "targets" not in job.spec, "as a profile has none"

    def is_now(**values: object) -> None:
        with writing(engine) as connection:
            connection.execute(update(agents).values(**values))

    def measures() -> None:
        until = {"lease_until_ms": 2**50, "measured": 3, "to_measure": 4}
        with writing(engine) as connection:
            connection.execute(update(devices).where(devices.c.digest == board.device.digest).values(until))

    told, _ = watched(
        place,
        job,
        steps(
            lambda: is_now(seen_at_ms=0),
            lambda: None,
            lambda: is_now(seen_at_ms=2**50),
            measures,
            lambda: is_now(quarantine="5 failures in a row"),
            lambda: place.stores.jobs.request_cancel(TENANT, job.id),
        ),
    )
    assert told.said == [
        "device 'pi5': its agent is not heard of; 4 files wait for it",
        "device 'pi5' works again",
        "device 'pi5': in quarantine: 5 failures in a row; 4 files wait for it",
    ]
    assert set(told.steps) == {("measure", 3, 4, "measuring on pi5")}


def test_where_nobody_can_work_on_it_watching_ends(place: Workplace) -> None:
    job = place.submit()

    def nobody() -> None:
        raise HwnasError("no_worker", "it cannot live")

    with pytest.raises(HwnasError) as caught:
        watch(place.stores, job, Recorder(), nobody)
    assert caught.value.code == "no_worker"
    assert place.state(job) is JobState.QUEUED


def test_a_job_whose_device_is_gone_is_told_of(place: Workplace) -> None:
    job = place.submit()
    lease = claimed(place)
    told, ended = watched(
        place,
        job,
        steps(
            lambda: place.stores.results.save_document(lease, BOUND, "e" * 64),
            lambda: place.stores.queue.settle(lease, Released()),
            lambda: place.stores.queue.tell_away([]),
            lambda: place.stores.jobs.request_cancel(TENANT, job.id),
        ),
    )
    assert ended.state is JobState.CANCELLED
    (words,) = told.said
    assert words.startswith("it is measured on eeeeeeeeeeee, where no worker lives: ")
