"""Jobs as users see them: submitted once, listed in pages, cancelled whatever happens meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import StatementError

from nas.job_records import Job, JobRequest
from nas.jobs import Cancelled, Fault, Faulted, JobKind, JobState, Outcome, Released, Succeeded, Waiting
from nas.leases import Renewal
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore, insert_finished
from nas.store.session import open_engine, writing
from search_spaces.errors import UsageError
from tests.nas.store.queued import REQUEST, TENANT, claim_one, let_time_pass, running, submit

CRASHED = Faulted(Fault.CRASH, "crashed", "the process ended")


def test_a_job_is_queued_with_its_first_event(store: DatabaseJobStore) -> None:
    (job,) = submit(store)
    assert (job.state, job.attempt, job.owner, job.name) == (JobState.QUEUED, 0, "ann", "digits")
    assert store.get(TENANT, job.id) == job
    (event,) = store.events(TENANT, job.id)
    assert (event.id, event.kind, event.data) == (1, "queued", {"reason": "submitted"})
    assert job.created_at_ms <= event.at_ms


def test_what_was_submitted_comes_back_unchanged(store: DatabaseJobStore) -> None:
    spec = {"zeta": 1, "alpha": [0.1, 1e-300, "ü \x00 \u2028", None, True], "big": 2**63}
    job = store.submit(TENANT, JobRequest(JobKind.EXPORT, spec))
    assert store.get(TENANT, job.id).spec == spec
    assert list(store.get(TENANT, job.id).spec) == ["zeta", "alpha", "big"]


def test_a_number_that_is_none_is_not_stored(store: DatabaseJobStore) -> None:
    with pytest.raises(StatementError, match="not JSON compliant"):
        store.submit(TENANT, JobRequest(JobKind.EXPORT, {"limit": float("nan")}))
    assert store.page(TENANT).jobs == ()


def test_asking_again_with_the_same_key_gives_the_same_job(store: DatabaseJobStore) -> None:
    first = store.submit(TENANT, REQUEST, "key-1")
    assert store.submit(TENANT, REQUEST, "key-1").id == first.id
    assert store.submit("other", REQUEST, "key-1").id != first.id
    assert store.submit(TENANT, REQUEST, "key-2").id != first.id
    assert store.submit(TENANT, REQUEST).id != first.id


def test_a_key_is_for_one_request(store: DatabaseJobStore) -> None:
    store.submit(TENANT, REQUEST, "key-1")
    with pytest.raises(UsageError) as caught:
        store.submit(TENANT, JobRequest(JobKind.EXPORT, {}, owner=REQUEST.owner), "key-1")
    assert caught.value.code == "idempotency_conflict"
    assert len(store.page(TENANT).jobs) == 1


def test_a_key_in_parallel_makes_one_job(url: str, store: DatabaseJobStore) -> None:
    def ask(_: int) -> str:
        engine = open_engine(url)
        found = DatabaseJobStore(engine).submit(TENANT, REQUEST, "key-1").id
        engine.dispose()
        return found

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(12)))) == 1
    assert len(store.page(TENANT).jobs) == 1


def test_a_specification_in_parallel_makes_one_job(url: str, store: DatabaseJobStore) -> None:
    together = Barrier(4)

    def ask(number: int) -> tuple[str, bool]:
        engine = open_engine(url)
        together.wait()
        job, found = DatabaseJobStore(engine).submit_once(TENANT, REQUEST)
        engine.dispose()
        return job.id, found

    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(ask, range(12)))
    assert len({job_id for job_id, _ in asked}) == len(store.page(TENANT).jobs) == 1
    assert [found for _, found in asked].count(False) == 1


def test_only_an_unfinished_job_of_the_same_kind_and_specification_is_gone_on_with(
    store: DatabaseJobStore,
) -> None:
    first, found = store.submit_once(TENANT, REQUEST)
    assert not found
    others = [
        ("other", REQUEST),
        (TENANT, replace(REQUEST, kind=JobKind.PROFILE)),
        (TENANT, replace(REQUEST, spec={})),
    ]
    assert [store.submit_once(*other)[1] for other in others] == [False] * 3
    assert store.submit_once(TENANT, REQUEST) == (first, True)
    store.request_cancel(TENANT, first.id)
    assert store.submit_once(TENANT, REQUEST)[0].id != first.id


def test_one_that_is_parked_is_queued_again_by_whoever_asks(
    store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    job, _ = store.submit_once(TENANT, REQUEST)
    queue.settle(claim_one(queue).lease, Faulted(Fault.POISON, "x", "m"))
    assert store.get(TENANT, job.id).state is JobState.PARKED
    for _ in range(2):
        again, found = store.submit_once(TENANT, REQUEST)
        assert (again.id, again.state, found) == (job.id, JobState.QUEUED, True)


def test_nobody_sees_or_cancels_another_tenants_job(store: DatabaseJobStore) -> None:
    (job,) = submit(store)
    for ask in (store.get, store.request_cancel, store.resume, store.events):
        with pytest.raises(UsageError) as caught:
            ask("other", job.id)
        assert caught.value.code == "unknown_job"
    assert store.page("other").jobs == ()
    assert store.get(TENANT, job.id).state is JobState.QUEUED


def test_pages_hold_every_job_once_though_jobs_come_meanwhile(store: DatabaseJobStore) -> None:
    expected = {job.id for job in submit(store, 7)}
    seen: list[Job] = []
    cursor = None
    while True:
        page = store.page(TENANT, limit=3, cursor=cursor)
        seen += page.jobs
        submit(store)
        if page.cursor is None:
            break
        cursor = page.cursor
    assert len(seen) == 7
    assert {job.id for job in seen} == expected
    order = [(job.created_at_ms, job.id) for job in seen]
    assert order == sorted(order, reverse=True)


def test_pages_are_of_the_kinds_and_states_that_are_asked_for(
    store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    submit(store, 2)
    store.submit(TENANT, JobRequest(JobKind.EXPORT, {}))
    queue.claim("w1", 1, kinds=[JobKind.EXPORT])
    assert [job.kind for job in store.page(TENANT, kinds=[JobKind.EXPORT]).jobs] == [JobKind.EXPORT]
    assert len(store.page(TENANT, states=[JobState.QUEUED]).jobs) == 2
    assert store.page(TENANT, kinds=[JobKind.EXPORT], states=[JobState.QUEUED]).jobs == ()


def test_pages_are_of_one_name_and_the_names_are_those_of_a_tenant(store: DatabaseJobStore) -> None:
    for tenant, name in ((TENANT, "b"), (TENANT, "a"), (TENANT, "b"), (TENANT, ""), ("other", "c")):
        store.submit(tenant, JobRequest(JobKind.SEARCH, {}, name))
    assert store.names(TENANT, JobKind.SEARCH) == ("a", "b")
    assert store.names(TENANT, JobKind.EXPORT) == ()
    assert [job.name for job in store.page(TENANT, name="b").jobs] == ["b", "b"]
    assert store.page(TENANT, name="c").jobs == ()


@pytest.mark.parametrize("cursor", ["", "x", "12", "-1.a", "9" * 40 + ".a", "١.a"])
def test_a_cursor_of_nobody_is_refused(store: DatabaseJobStore, cursor: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.page(TENANT, cursor=cursor)
    assert caught.value.code == "invalid_cursor"


def test_events_are_numbered_in_order_and_read_from_any_of_them(
    store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    lease = running(store, queue)
    queue.settle(lease, Released())
    queue.settle(claim_one(queue).lease, Succeeded())
    events = store.events(TENANT, lease.job_id)
    assert [event.id for event in events] == [1, 2, 3, 4, 5]
    assert [event.kind for event in events] == ["queued", "running", "queued", "running", "succeeded"]
    assert [event.attempt for event in events] == [0, 1, 1, 2, 2]
    assert store.events(TENANT, lease.job_id, after=3) == events[3:]
    assert store.events(TENANT, lease.job_id, after=1, limit=2) == events[1:3]


def test_a_job_that_nobody_runs_is_cancelled_at_once(
    store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    (job,) = submit(store)
    cancelled = store.request_cancel(TENANT, job.id)
    assert (cancelled.state, cancelled.cancel_requested) == (JobState.CANCELLED, True)
    assert cancelled.finished_at_ms > 0
    assert queue.claim("w1") == []
    assert store.request_cancel(TENANT, job.id) == cancelled, "asked twice is once"


def test_a_parked_job_can_be_cancelled(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    lease = running(store, queue)
    queue.settle(lease, Faulted(Fault.POISON, "poison", "never again"))
    assert store.request_cancel(TENANT, lease.job_id).state is JobState.CANCELLED


def test_a_running_job_is_told_and_stops(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    lease = running(store, queue)
    assert store.request_cancel(TENANT, lease.job_id).state is JobState.RUNNING
    assert queue.renew({lease: 1}) == {lease: Renewal.CANCEL_REQUESTED}
    assert queue.settle(lease, Cancelled()) is JobState.CANCELLED


@pytest.mark.parametrize("outcome", [CRASHED, Released(), Waiting()])
def test_a_cancelled_job_does_not_come_back(
    store: DatabaseJobStore, queue: DatabaseJobQueue, outcome: Outcome
) -> None:
    lease = running(store, queue)
    store.request_cancel(TENANT, lease.job_id)
    assert queue.settle(lease, outcome) is JobState.CANCELLED


def test_a_cancelled_job_whose_worker_is_lost_does_not_come_back(
    store: DatabaseJobStore, queue: DatabaseJobQueue, engine: Engine
) -> None:
    lease = running(store, queue)
    store.request_cancel(TENANT, lease.job_id)
    let_time_pass(engine, queue.times.lease_ms + 1_000)
    assert [one.state for one in queue.reap()] == [JobState.CANCELLED]


def test_a_job_that_got_done_first_stays_done(store: DatabaseJobStore, queue: DatabaseJobQueue) -> None:
    lease = running(store, queue)
    store.request_cancel(TENANT, lease.job_id)
    assert queue.settle(lease, Succeeded()) is JobState.SUCCEEDED
    assert store.request_cancel(TENANT, lease.job_id).state is JobState.SUCCEEDED


@pytest.mark.parametrize("outcome", [Succeeded(), CRASHED, Released()])
def test_cancelling_while_the_job_ends_gives_one_end(
    url: str, store: DatabaseJobStore, queue: DatabaseJobQueue, outcome: Outcome
) -> None:
    other = open_engine(url)
    for _ in range(10):
        lease = running(store, queue)
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(DatabaseJobStore(other).request_cancel, TENANT, lease.job_id)
            ended = pool.submit(queue.settle, lease, outcome)
            asked.result()
            ended.result()
        job = store.get(TENANT, lease.job_id)
        expected = (
            {JobState.CANCELLED} if outcome != Succeeded() else {JobState.CANCELLED, JobState.SUCCEEDED}
        )
        assert job.state in expected
        ends = [e for e in store.events(TENANT, job.id) if e.kind in ("cancelled", "succeeded")]
        assert len(ends) == 1
    other.dispose()


def test_cancelling_while_the_job_is_claimed_ends_it(
    url: str, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    other = open_engine(url)
    for _ in range(10):
        (job,) = submit(store)
        with ThreadPoolExecutor(2) as pool:
            asked = pool.submit(DatabaseJobStore(other).request_cancel, TENANT, job.id)
            claimed = pool.submit(queue.claim, "w1")
            asked.result()
            for claim in claimed.result():
                assert queue.renew({claim.lease: 0})[claim.lease] is not Renewal.LOST
                queue.settle(claim.lease, Released())
        assert store.get(TENANT, job.id).state is JobState.CANCELLED
    other.dispose()


def test_only_a_parked_job_is_resumed(store: DatabaseJobStore) -> None:
    (job,) = submit(store)
    with pytest.raises(UsageError) as caught:
        store.resume(TENANT, job.id)
    assert caught.value.code == "job_not_parked"


def test_a_job_that_is_over_as_it_begins_is_never_claimed(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue
) -> None:
    with writing(engine) as connection:
        insert_finished(connection, TENANT, JobRequest(JobKind.IMPORT, {"from": "elsewhere"}), "import-1")
    job = store.get(TENANT, "import-1")
    assert (job.kind, job.state, job.spec) == (JobKind.IMPORT, JobState.SUCCEEDED, {"from": "elsewhere"})
    assert job.finished_at_ms >= job.created_at_ms > 0
    assert [event.kind for event in store.events(TENANT, "import-1")] == ["queued", "succeeded"]
    assert queue.claim("w1") == []
