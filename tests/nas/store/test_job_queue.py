"""Claims, renewals, ends of attempts and lost leases, on both databases."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, select, update

from nas.jobs import (
    Cancelled,
    Fault,
    Faulted,
    Infeasible,
    JobKind,
    JobState,
    Outcome,
    Released,
    Succeeded,
    Waiting,
)
from nas.leases import Lease, LeaseLost, Renewal
from nas.store.job_queue import DatabaseJobQueue, Reaped
from nas.store.job_store import DatabaseJobStore
from nas.store.session import open_engine, writing
from nas.store.tables import jobs
from tests.nas.store.queued import (
    REQUEST,
    TENANT,
    claim_one,
    database_now,
    let_time_pass,
    lose,
    row_of,
    running,
    submit,
)

CRASHED = Faulted(Fault.CRASH, "crashed", "the process ended with status 1")


def state_of(store: DatabaseJobStore, lease: Lease) -> JobState:
    """Where a job stands."""
    return store.get(TENANT, lease.job_id).state


def test_a_claim_is_a_lease_with_a_number_and_a_token(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    (job,) = submit(store)
    claim = claim_one(queue)
    assert (claim.lease.job_id, claim.lease.tenant, claim.lease.attempt) == (job.id, TENANT, 1)
    assert (claim.kind, claim.spec, claim.progress, claim.faults) == (
        JobKind.SEARCH,
        REQUEST.spec,
        0,
        {},
    )
    assert len(claim.lease.token) == 32
    left = row_of(engine, job.id, "lease_until_ms") - database_now(engine)  # type: ignore[operator]
    assert 0 < left <= queue.times.lease_ms
    assert queue.claim("w2") == []


def test_jobs_are_claimed_in_the_order_they_came(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    submitted = [job.id for job in submit(store, 30)]
    claimed = [claim.lease.job_id for claim in queue.claim("w1", 20)]
    rest = [claim.lease.job_id for claim in queue.claim("w1", 20)]
    assert claimed + rest == submitted, "those of one millisecond, too"


def test_only_kinds_that_are_asked_for_are_claimed(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    submit(store)
    assert queue.claim("w1", 5, kinds=[JobKind.EXPORT]) == []
    assert len(queue.claim("w1", 5, kinds=[JobKind.EXPORT, JobKind.SEARCH])) == 1


def test_no_job_is_claimed_twice_by_schedulers_at_once(url: str, store: DatabaseJobStore) -> None:
    expected = {job.id for job in submit(store, 60)}

    def drain(worker: str) -> list[str]:
        engine = open_engine(url)
        queue = DatabaseJobQueue(engine)
        found = []
        while claims := queue.claim(worker, 3):
            found += [claim.lease.job_id for claim in claims]
        engine.dispose()
        return found

    with ThreadPoolExecutor(3) as pool:
        claimed = [name for found in pool.map(drain, ("w1", "w2", "w3")) for name in found]
    assert Counter(claimed) == Counter(expected)


def test_a_renewal_moves_the_end_of_the_lease_and_the_watermark(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    let_time_pass(engine, 20_000)
    assert queue.renew({lease: 7}) == {lease: Renewal.RENEWED}
    assert row_of(engine, lease.job_id, "lease_until_ms") > database_now(engine) + 25_000  # type: ignore[operator]
    assert store.get(TENANT, lease.job_id).progress == 7
    queue.renew({lease: 3})
    assert store.get(TENANT, lease.job_id).progress == 7, "a watermark never falls"


def test_leases_are_answered_one_by_one(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    submit(store, 3)
    kept, asked, ended = (claim.lease for claim in queue.claim("w1", 3))
    store.request_cancel(TENANT, asked.job_id)
    queue.settle(ended, Succeeded())
    answers = queue.renew({kept: 0, asked: 0, ended: 0})
    assert answers == {
        kept: Renewal.RENEWED,
        asked: Renewal.CANCEL_REQUESTED,
        ended: Renewal.LOST,
    }


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Succeeded(), JobState.SUCCEEDED),
        (Infeasible("infeasible_limits", "5 ms is the least"), JobState.INFEASIBLE),
        (Cancelled(), JobState.CANCELLED),
        (Released(), JobState.QUEUED),
        (Waiting(), JobState.QUEUED),  # for nothing: it goes on
        (CRASHED, JobState.QUEUED),
        (Faulted(Fault.BAD_DATA, "no_images", "none"), JobState.FAILED),
        (Faulted(Fault.POISON, "poison", "never again"), JobState.PARKED),
    ],
)
def test_an_attempt_ends_as_its_outcome_says(
    store: DatabaseJobStore, queue: DatabaseJobQueue, outcome: Outcome, state: JobState
) -> None:
    lease = running(store, queue)
    assert queue.settle(lease, outcome) is state
    job = store.get(TENANT, lease.job_id)
    assert job.state is state
    assert (job.finished_at_ms > 0) is (state is not JobState.QUEUED)
    last = store.events(TENANT, lease.job_id)[-1]
    assert (last.kind, last.attempt) == (state, 1)
    if isinstance(outcome, Faulted | Infeasible):
        assert (job.code, job.message) == (outcome.code, outcome.message)


def test_settling_again_after_a_lost_answer_gives_the_same_answer(
    store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    lease = running(store, queue)
    first = queue.settle(lease, CRASHED)
    assert queue.settle(lease, CRASHED) is first
    assert store.get(TENANT, lease.job_id).faults == {"crash": 1}


def test_a_fault_is_tried_again_after_its_delay_and_parked_in_the_end(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    queue.settle(lease, CRASHED)
    assert queue.claim("w1") == [], "not before its delay is over"
    for attempt in (2, 3):
        let_time_pass(engine, 60_000)
        claim = claim_one(queue)
        assert (claim.lease.attempt, claim.faults) == (attempt, {"crash": attempt - 1})
        queue.settle(claim.lease, CRASHED)
    job = store.get(TENANT, lease.job_id)
    assert (job.state, job.faults, job.code) == (JobState.PARKED, {"crash": 3}, "crashed")
    let_time_pass(engine, 3_600_000)
    assert queue.claim("w1") == []
    store.resume(TENANT, job.id)
    assert claim_one(queue).lease.attempt == 4


def test_progress_ends_the_count_of_faults(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    submit(store)
    for further in range(1, 6):
        claim = claim_one(queue)
        queue.renew({claim.lease: further})
        assert queue.settle(claim.lease, CRASHED) is JobState.QUEUED
        let_time_pass(engine, 60_000)


def test_a_drain_costs_nothing(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    (queued,) = submit(store)
    for attempt in range(1, 9):
        claim = claim_one(queue)
        assert claim.lease.attempt == attempt
        queue.settle(claim.lease, Released())
    job = store.get(TENANT, queued.id)
    assert (job.state, job.faults) == (JobState.QUEUED, {})


def test_a_lease_that_nobody_renews_is_taken(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    assert queue.reap() == [], "not before it has run out"
    let_time_pass(engine, queue.times.lease_ms + 1_000)
    assert queue.reap() == [Reaped(lease.job_id, JobState.QUEUED, Fault.LOST_NODE)]
    job = store.get(TENANT, lease.job_id)
    assert (job.state, job.faults, job.code) == (JobState.QUEUED, {"lost_node": 1}, "lease_expired")
    assert queue.reap() == []


def test_a_job_that_gets_no_further_is_taken_though_its_lease_is_renewed(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    let_time_pass(engine, queue.times.stall_ms + 1_000)
    queue.renew({lease: 0})
    assert queue.reap() == [Reaped(lease.job_id, JobState.QUEUED, Fault.STALLED)]
    assert queue.renew({lease: 1}) == {lease: Renewal.LOST}


def test_a_stale_owner_can_neither_renew_nor_settle(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    stale = running(store, queue)
    lose(engine, queue)
    for _ in ("taken away", "run by another"):
        assert queue.renew({stale: 99}) == {stale: Renewal.LOST}
        for outcome in (Succeeded(), CRASHED, Released(), Waiting(), Cancelled()):
            with pytest.raises(LeaseLost):
                queue.settle(stale, outcome)
        queue.claim("w2")
    job = store.get(TENANT, stale.job_id)
    assert (job.state, job.attempt, job.worker, job.progress) == (JobState.RUNNING, 2, "w2", 0)


@pytest.mark.parametrize("forged", [{"token": "0" * 32}, {"attempt": 2}, {"job_id": "f" * 20}])
def test_attempt_and_token_have_to_match(
    store: DatabaseJobStore, queue: DatabaseJobQueue, forged: dict[str, object]
) -> None:
    lease = running(store, queue)
    values = {"job_id": lease.job_id, "tenant": TENANT, "attempt": 1, "token": lease.token} | forged
    with pytest.raises(LeaseLost):
        queue.settle(Lease(**values), Succeeded())  # type: ignore[arg-type]
    assert state_of(store, lease) is JobState.RUNNING


def test_a_poisonous_job_is_parked_after_six_lost_workers(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    (job,) = submit(store)
    for _ in range(6):
        claim_one(queue)
        lose(engine, queue)
    assert store.get(TENANT, job.id).state is JobState.PARKED
    assert queue.claim("w1") == []


def test_the_reaper_passes_a_full_batch_of_rows_that_are_fine(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    submit(store, 30)
    leases = [claim.lease for claim in queue.claim("w1", 30)]
    overdue = {lease.job_id for lease in sorted(leases, key=lambda lease: lease.job_id)[-3:]}
    with writing(engine) as connection:
        connection.execute(update(jobs).where(jobs.c.id.in_(overdue)).values(lease_until_ms=1))
    assert {one.job_id for one in queue.reap(limit=5)} == overdue


def test_the_reaper_passes_a_full_batch_of_rows_that_others_hold(
    url: str, store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer: nobody holds rows while another reaps")
    submit(store, 8)
    ids = sorted(claim.lease.job_id for claim in queue.claim("w1", 8))
    let_time_pass(engine, queue.times.lease_ms + 1_000)
    other = open_engine(url)
    with writing(other) as connection:
        connection.execute(select(jobs.c.id).where(jobs.c.id.in_(ids[:6])).with_for_update())
        assert [one.job_id for one in queue.reap(limit=2)] == ids[6:]
    other.dispose()


def test_two_reapers_take_a_job_once(
    url: str, store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    submit(store, 20)
    queue.claim("w1", 20)
    let_time_pass(engine, queue.times.lease_ms + 1_000)

    def reap(_: int) -> list[str]:
        own = open_engine(url)
        found = [one.job_id for one in DatabaseJobQueue(own).reap()]
        own.dispose()
        return found

    with ThreadPoolExecutor(3) as pool:
        taken = [name for found in pool.map(reap, range(3)) for name in found]
    assert len(taken) == len(set(taken)) == 20
