"""A worker claims a job, runs it, and settles it as it ended; what is another's by now it leaves alone."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from nas.job_records import JobRequest
from nas.jobs import TERMINAL, JobKind, JobState, Outcome, Released, Waiting
from nas.leases import Lease, LeaseTimes, Renewal
from nas.pipeline.context import Done, PhaseEnd, Surroundings
from nas.specs import ProfileSpec
from nas.store.job_run import JobRun
from nas.store.session import writing
from nas.store.tables import jobs
from search_spaces.errors import (
    ArtifactError,
    ComputeError,
    DataError,
    HwnasError,
    InfeasibleError,
    MeasurementError,
    ResourceError,
    StoreError,
    UsageError,
)
from tests.nas.pipeline.small_search import Recorder, small_spec, stopwatch
from tests.workers.jobs_at_work import (
    QUICK,
    TENANT,
    Workplace,
    done,
    jobs_do,
    until,
    working,
    workplace,
)
from tests.workers.queued_files import asking_for, later, queued_stopwatch, void
from workers import orchestrator
from workers.frugal import Frugal
from workers.heartbeat import Draining, Heartbeat
from workers.searches import submit


def raising(error: BaseException) -> Callable[[JobRun, Surroundings], PhaseEnd]:
    """A job that ends with an error."""

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        raise error

    return run


def test_a_job_is_run_and_done(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        assert (run.id, run.lease.attempt) == (job.id, 1)
        around.progress.step("profile", 1, 2, "half")
        around.progress.say("well")
        return Done()

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker("ann") as worker:
        assert worker.work_once()
        assert not worker.work_once()
    found = place.get(job)
    assert (found.state, found.worker, found.attempt, found.progress) == (
        JobState.SUCCEEDED,
        "ann",
        1,
        500_000,
    )
    assert place.events(job) == ["queued", "running", "progress", "message", "succeeded"]
    assert place.shown.steps == [("profile", 1, 2, "half")]
    assert place.shown.said == ["well"]


def test_a_worker_that_has_nothing_to_do_writes_nothing(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    here = threading.current_thread()

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        if threading.current_thread() is here:
            said.append(statement.split("\n")[0])

    jobs_do(monkeypatch, lambda run, around: Waiting())
    place.submit("runs elsewhere")
    place.stores.queue.claim("somebody else")
    with place.worker() as worker:
        event.listen(place.stores.engine, "before_cursor_execute", note)
        assert not worker.work_once()
        idle, said[:] = list(said), []
        place.submit()
        assert worker.work_once()
        event.remove(place.stores.engine, "before_cursor_execute", note)
    assert "BEGIN IMMEDIATE" in said, "a statement that writes is seen here"
    assert {statement.split(" ")[0] for statement in idle} == {"BEGIN", "SELECT"}
    assert "BEGIN IMMEDIATE" not in idle


def test_the_longest_due_job_comes_first(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        ran.append(run.id)
        return Done()

    jobs_do(monkeypatch, run)
    submitted = [place.submit().id for _ in range(3)]
    with place.worker() as worker:
        while worker.work_once():
            continue
    assert ran == submitted


@pytest.mark.parametrize(
    ("error", "state", "fault", "code"),
    [
        (InfeasibleError("infeasible_limits", "m"), JobState.INFEASIBLE, "", "infeasible_limits"),
        (UsageError("unknown_space", "m"), JobState.FAILED, "bad_data", "unknown_space"),
        (DataError("empty_class", "m"), JobState.FAILED, "bad_data", "empty_class"),
        (MeasurementError("session_void", "m"), JobState.QUEUED, "measuring", "session_void"),
        (ResourceError("disk_full", "m"), JobState.QUEUED, "disk", "disk_full"),
        (StoreError("database_busy", "m"), JobState.QUEUED, "database", "database_busy"),
        (ArtifactError("artifact_damaged", "m"), JobState.QUEUED, "crash", "artifact_damaged"),
        (ComputeError("task_out_of_memory", "m"), JobState.QUEUED, "out_of_memory", "task_out_of_memory"),
        (ComputeError("node_lost", "m"), JobState.QUEUED, "lost_node", "node_lost"),
        (MemoryError(), JobState.QUEUED, "out_of_memory", "worker_failed"),
    ],
)
def test_an_error_is_settled_by_its_kind(
    place: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    state: JobState,
    fault: str,
    code: str,
) -> None:
    jobs_do(monkeypatch, raising(error))
    job = place.submit()
    with place.worker() as worker:
        assert worker.work_once()
    found = place.get(job)
    assert (found.state, found.code) == (state, code)
    assert found.faults == ({fault: 1} if fault else {})
    if isinstance(error, HwnasError):
        assert found.message == "m"


def test_an_unexpected_exception_is_a_fault_with_its_text(
    place: Workplace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs_do(monkeypatch, raising(KeyError("depth")))
    job = place.submit()
    with place.worker() as worker:
        worker.work_once()
    assert (place.get(job).code, place.get(job).message) == ("worker_failed", "KeyError: 'depth'")
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_is_tried_again_after_a_pause_and_parked_in_the_end(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs_do(monkeypatch, raising(KeyError("depth")))
    job = place.submit()
    with place.worker() as worker:
        for attempt in (1, 2, 3):
            assert worker.work_once()
            assert not worker.work_once(), "it has to wait"
            assert place.get(job).attempt == attempt
            place.let_time_pass(60_000)
        assert place.state(job) is JobState.PARKED
        assert place.get(job).faults == {"crash": 3}
        jobs_do(monkeypatch, done)
        place.stores.jobs.resume(TENANT, job.id)
        assert worker.work_once()
    assert place.state(job) is JobState.SUCCEEDED


def test_a_job_that_gets_further_each_time_is_not_parked(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        around.progress.step("profile", run.lease.attempt, 100)
        raise KeyError("depth")

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker() as worker:
        for _ in range(5):
            assert worker.work_once()
            place.let_time_pass(60_000)
    assert (place.state(job), place.get(job).faults) == (JobState.QUEUED, {"crash": 5})


def test_a_job_that_has_run_out_of_memory_goes_on_with_less_at_a_time(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    frugal: list[bool] = []

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        frugal.append(isinstance(around.compute, Frugal))
        if run.lease.attempt == 1:
            raise MemoryError
        return Done() if run.lease.attempt == 3 else Waiting()  # for nothing: it goes on

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker() as worker:
        for _ in range(3):
            assert worker.work_once()
            place.let_time_pass(60_000)
    assert place.state(job) is JobState.SUCCEEDED
    assert frugal == [False, True, True]


@pytest.mark.parametrize("kind", [JobKind.SEARCH, JobKind.PROFILE])
def test_a_specification_that_is_no_longer_understood_fails_with_its_code(
    place: Workplace, kind: JobKind
) -> None:
    spec = small_spec() if kind is JobKind.SEARCH else ProfileSpec()
    job = place.stores.jobs.submit(TENANT, JobRequest(kind, spec.model_dump(mode="json")))
    with writing(place.stores.engine) as connection:
        connection.execute(update(jobs).values(spec={**job.spec, "colour": "blue"}))
    with place.worker() as worker:
        worker.work_once()
    assert (place.state(job), place.get(job).code) == (JobState.FAILED, "outdated_spec")
    assert job.id in place.get(job).message


def test_a_job_that_was_taken_away_is_dropped_in_silence(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        place.taken_away()
        told = place.events(job)
        run.save("profile", ProfileSpec())
        raise AssertionError(f"the job is another's: {told}")

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker() as worker:
        assert worker.work_once()
    found = place.get(job)
    assert (found.state, found.worker, found.attempt) == (JobState.RUNNING, "somebody else", 2)
    assert place.events(job) == ["queued", "running", "queued", "running"]
    assert not place.stores.stored(job).has("profile")
    assert place.shown.said == [f"job {job.id}: job {job.id} is no longer run by attempt 1"]


def test_a_job_that_was_taken_away_at_its_end_is_not_settled(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        place.taken_away()
        return Done()

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker() as worker:
        assert worker.work_once()
    assert (place.state(job), place.get(job).attempt) == (JobState.RUNNING, 2)


@pytest.mark.alone
def test_a_job_may_run_for_longer_than_a_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long enough that a busy machine renews it in time.
    times = LeaseTimes(lease_ms=1_200)
    with workplace(tmp_path, times) as place:

        def run(run: JobRun, around: Surroundings) -> PhaseEnd:
            for number in range(100):
                threading.Event().wait(0.018)
                around.progress.step("profile", number, 100)
                assert place.stores.queue.reap() == []
            return Done()

        jobs_do(monkeypatch, run)
        job = place.submit()
        with place.worker(times=times) as worker:
            worker.work_once()
        found = place.get(job)
        assert (found.state, found.attempt) == (JobState.SUCCEEDED, 1)
        assert found.progress > 0, "renewals carry the watermark"


def test_a_running_job_is_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with workplace(tmp_path, QUICK) as place:

        def run(run: JobRun, around: Surroundings) -> PhaseEnd:
            place.stores.jobs.request_cancel(TENANT, job.id)
            return working(run, around)

        jobs_do(monkeypatch, run)
        job = place.submit()
        with place.worker(times=QUICK) as worker:
            assert worker.work_once()
        assert place.state(job) is JobState.CANCELLED
        assert place.get(job).faults == {}


def test_a_drain_gives_the_job_back_at_no_cost(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.worker() as worker:

        def run(run: JobRun, around: Surroundings) -> PhaseEnd:
            worker.drain()
            return working(run, around)

        jobs_do(monkeypatch, run)
        job = place.submit()
        with pytest.raises(Draining, match="it was told to"):
            worker.work_once()
        with pytest.raises(Draining):
            worker.work_once()
    assert (place.state(job), place.get(job).faults) == (JobState.QUEUED, {})
    assert place.events(job)[-1] == "queued"
    jobs_do(monkeypatch, done)
    with place.worker() as other:
        assert other.work_once(), "it is due at once"
    assert place.state(job) is JobState.SUCCEEDED


def test_an_interrupt_ends_a_job_that_says_nothing(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.worker() as worker:

        def run(run: JobRun, around: Surroundings) -> PhaseEnd:
            worker.interrupt()
            raise AssertionError("an epoch goes on")

        jobs_do(monkeypatch, run)
        job = place.submit()
        with pytest.raises(Draining):
            worker.work_once()
        assert place.state(job) is JobState.QUEUED
        # Nothing runs any more: it only stops at its next step.
        worker.interrupt()


def test_ctrl_c_gives_the_job_back_too(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs_do(monkeypatch, raising(KeyboardInterrupt()))
    job = place.submit()
    with place.worker() as worker, pytest.raises(KeyboardInterrupt):
        worker.work_once()
    assert (place.state(job), place.get(job).faults) == (JobState.QUEUED, {})


class Unanswered:
    """A queue whose first answers to the last word are lost, after it was written."""

    def __init__(self, queue: Any, lost: int) -> None:
        self._queue = queue
        self.lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    def settle(self, lease: Lease, outcome: Outcome) -> JobState:
        state: JobState = self._queue.settle(lease, outcome)
        if self.lost:
            self.lost -= 1
            raise StoreError("database_unreachable", "gone")
        return state


def test_the_last_word_is_said_again_where_its_answer_was_lost(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrator, "PAUSE_S", 0.01)
    jobs_do(monkeypatch, done)
    job = place.submit()
    queue: Any = Unanswered(place.stores.queue, 2)
    place.stores = replace(place.stores, queue=queue)
    with place.worker() as worker:
        assert worker.work_once()
    assert queue.lost == 0
    assert place.events(job) == ["queued", "running", "succeeded"]


def test_a_database_that_stays_away_is_an_error(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestrator, "PAUSE_S", 0.01)
    jobs_do(monkeypatch, done)
    place.submit()
    queue: Any = Unanswered(place.stores.queue, 10_000)
    place.stores = replace(place.stores, queue=queue)
    with place.worker(times=QUICK) as worker, pytest.raises(StoreError):
        worker.work_once()


def test_the_jobs_of_the_dead_are_taken_over(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs_do(monkeypatch, done)
    job = place.submit()
    place.stores.queue.claim("dead")
    with place.worker() as worker:
        assert not worker.work_once()
        place.let_time_pass(31_000)
        worker.work_once()
        assert place.get(job).faults == {"lost_node": 1}
        place.let_time_pass(1_000)
        assert worker.work_once()
    assert (place.state(job), place.get(job).attempt) == (JobState.SUCCEEDED, 2)


def test_a_job_that_waits_goes_on_when_its_files_are_measured(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Any] = []

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        found = asking_for(run, around, "a", "b")
        if found is None:
            return Waiting()
        sessions.extend(found)
        return Done()

    jobs_do(monkeypatch, run)
    job = place.submit()
    with queued_stopwatch() as watch, place.worker() as worker:
        assert worker.work_once()
        assert place.state(job) is JobState.WAITING
        assert worker.work_once()
        assert place.state(job) is JobState.QUEUED
        assert worker.work_once()
        assert not worker.work_once()
    assert place.state(job) is JobState.SUCCEEDED
    assert [len(asked) for asked in watch.asked] == [2]
    assert [len(session.results) for session in sessions] == [2, 2]
    assert ("measure", 2, 2, "measuring on this host") in place.shown.steps


def test_what_is_pending_is_measured_before_the_next_job(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        ran.append(run.id)
        return Done() if asking_for(run, around, "a") is not None else Waiting()

    jobs_do(monkeypatch, run)
    first, second = place.submit(), place.submit()
    with queued_stopwatch() as watch, place.worker() as worker:
        worker.work_once()
        worker.work_once()
        assert (ran, len(watch.asked)) == ([first.id], 1)
        while worker.work_once():
            continue
    # What the first had measured is there for the second.
    assert sorted(ran) == sorted([first.id, first.id, second.id])
    assert len(watch.asked) == 1
    # As this test's process is told to ignore how busy the machine is.
    assert (watch.gates, watch.repeats) == ([None], [False])


def test_a_restless_host_is_left_alone_for_a_while_and_jobs_are_told(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        return Done() if asking_for(run, around, "a") is not None else Waiting()

    jobs_do(monkeypatch, run)
    job = place.submit()
    with queued_stopwatch(refuses=[void()]) as watch, place.worker() as worker:
        worker.work_once()
        assert worker.work_once(), "the job hears of it"
        assert (place.get(job).code, place.get(job).faults) == ("session_void", {"measuring": 1})
        assert place.shown.said == ["this host cannot be measured now: its speed jumps"]
        place.let_time_pass(31_000)
        assert worker.work_once(), "it asks again"
        assert place.state(job) is JobState.WAITING
        assert not worker.work_once()
        assert len(watch.asked) == 1
        monkeypatch.setattr(time, "monotonic", later(orchestrator.RESTLESS_S + 1))
        while worker.work_once():
            continue
    assert place.state(job) is JobState.SUCCEEDED


@dataclass
class Held(Recorder):
    """Progress of a worker that goes no further than its first epoch until it may."""

    begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def step(self, phase: str, done: float, total: float, note: str = "") -> None:
        super().step(phase, done, total, note)
        if phase == "train" and note:
            self.begun.set()
            assert self.may_go_on.wait(60)


def test_of_two_searches_on_one_supernet_one_trains_and_the_other_waits(searched_home: Path) -> None:
    with workplace(searched_home) as place, stopwatch():
        held = Held()
        # Tables are there; the supernet of another seed is not.
        first, second = (
            submit(
                small_spec(seed=11, references=[], export={"points": points}),
                place.settings,
                place.stores,
                held,
            )
            for points in (1, 2)
        )

        def work() -> None:
            with workplace(searched_home) as own:
                own.shown = held
                with own.worker() as worker:
                    worker.work_once()

        training = threading.Thread(target=work)
        training.start()
        assert held.begun.wait(60)
        with place.worker() as worker:
            assert worker.work_once()
            assert place.state(second) is JobState.WAITING
            assert not worker.work_once(), "there is nothing to do until it is trained"
            held.may_go_on.set()

            def ended() -> bool:
                worker.work_once()
                return {place.state(first), place.state(second)} <= TERMINAL

            until(ended, 120)
        training.join()
        assert [place.get(job).faults for job in (first, second)] == [{}, {}]
        results = [place.stores.stored(place.get(job)).result() for job in (first, second)]
        assert [result.supernet.reused for result in results] == [False, True]
        assert results[0].supernet.key == results[1].supernet.key
        assert [step[0] for step in place.shown.steps if step[0] == "train" and step[3]] == []


def test_a_job_of_a_host_that_is_gone_is_left_alone_and_says_so(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs_do(monkeypatch, done)
    lost, own = place.submit(), place.submit()
    (claim,) = place.stores.queue.claim("elsewhere")
    place.stores.run(claim).bind("e" * 64)
    place.stores.queue.settle(claim.lease, Released())
    with place.worker() as worker:
        while worker.work_once():
            pass
    assert (place.state(lost), place.state(own)) == (JobState.QUEUED, JobState.SUCCEEDED)
    assert place.get(lost).code == "device_away"
    assert place.events(lost)[-1] == "device_away"


def test_a_heartbeat_that_fails_ends_the_job_with_a_fault_and_then_the_worker(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs_do(monkeypatch, working)
    job = place.submit()

    class Failing:
        def renew(self, progress: Any) -> dict[Lease, Renewal]:
            raise ZeroDivisionError("by nobody foreseen")

    failing: Any = Failing()
    heartbeat = partial(Heartbeat, replace(place.stores, queue=failing))
    monkeypatch.setattr(orchestrator, "Heartbeat", lambda stores, *rest: heartbeat(*rest))
    with place.worker(times=QUICK) as worker:
        assert worker.work_once()
        with pytest.raises(Draining, match="its heartbeat failed with ZeroDivisionError"):
            worker.work_once()
    found = place.get(job)
    assert (found.state, found.code, dict(found.faults)) == (JobState.QUEUED, "worker_failed", {"crash": 1})
    assert "by nobody foreseen" in found.message


def test_a_signal_in_the_midst_of_a_statement_costs_no_attempt(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Signalled(dict[str, int]):
        """Written as JSON, it has the worker's signal come just then."""

        def items(self) -> Any:
            worker.interrupt()
            return super().items()

    def run(run: JobRun, around: Surroundings) -> PhaseEnd:
        around.stores.results.report(run.lease, "said", {"what": Signalled(one=1)})
        raise AssertionError("the signal ends it")

    jobs_do(monkeypatch, run)
    job = place.submit()
    with place.worker() as worker, pytest.raises(Draining, match="it was told to"):
        worker.work_once()
    found = place.get(job)
    assert (found.state, dict(found.faults), found.code) == (JobState.QUEUED, {}, "")


def test_a_name_is_given_back(place: Workplace) -> None:
    with place.worker("ann") as worker:
        assert worker.name == "ann"
        assert [one.name for one in place.stores.workers.alive()] == ["ann"]
        with pytest.raises(UsageError) as caught, place.worker("ann"):
            raise AssertionError("two of one name")
        assert caught.value.code == "worker_name_taken"
    assert place.stores.workers.alive() == ()
    with place.worker() as first, place.worker() as second:
        assert first.name != second.name


def test_the_codes_of_attempts_are_documented(repository: Path) -> None:
    page = (repository / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))
    assert documented >= {"worker_failed", "lease_expired", "no_progress"}
