"""Documents, named artifacts and events of a job."""

import pytest
from sqlalchemy import Engine, update

from nas.jobs import Succeeded
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.result_store import DatabaseResultStore
from nas.store.session import writing
from nas.store.tables import documents
from tests.nas.store.queued import TENANT, running

DIGEST = "d" * 64


@pytest.fixture
def results(engine: Engine) -> DatabaseResultStore:
    """What jobs leave."""
    return DatabaseResultStore(engine)


def test_a_document_comes_back_to_the_character(
    store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    lease = running(store, queue)
    text = '{"b": NaN, "a": "\\u0000 ü"}'
    results.save_document(lease, "train", text)
    assert results.document(TENANT, lease.job_id, "train") == text
    results.save_document(lease, "train", "{}")
    assert results.document(TENANT, lease.job_id, "train") == "{}"
    assert results.document(TENANT, lease.job_id, "verify") is None


def test_an_artifact_is_found_by_its_name(
    store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    lease = running(store, queue)
    results.name_artifact(lease, "best", DIGEST)
    assert results.artifact(TENANT, lease.job_id, "best") == DIGEST
    assert results.artifact(TENANT, lease.job_id, "worst") is None


def test_nothing_is_shown_to_another_tenant(
    store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    lease = running(store, queue)
    results.save_document(lease, "train", "{}")
    results.name_artifact(lease, "best", DIGEST)
    assert results.document("other", lease.job_id, "train") is None
    assert results.artifact("other", lease.job_id, "best") is None


def test_who_has_documents_of_a_name_is_found_the_newest_first(
    store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    first, second = running(store, queue), running(store, queue)
    for lease, name in ((first, "few"), (second, "few"), (second, "refitted"), (second, "train")):
        results.save_document(lease, name, "{}")
    assert results.having(TENANT, ["few"]) == (), "they may go on and write others"
    for lease in (first, second):
        queue.settle(lease, Succeeded())
    found = results.having(TENANT, ["few", "refitted"])
    assert sorted(found) == sorted(
        [(first.job_id, "few"), (second.job_id, "few"), (second.job_id, "refitted")]
    )
    assert [job for job, name in found if name == "few"] == [second.job_id, first.job_id]
    assert results.having(TENANT, ["verify"]) == results.having("other", ["few"]) == ()


def test_what_was_saved_last_comes_first_though_its_job_was_submitted_first(
    engine: Engine, store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    long, short = running(store, queue), running(store, queue)
    for lease in (short, long):
        results.save_document(lease, "few", "{}")
        queue.settle(lease, Succeeded())
    earlier = documents.c.saved_at_ms - 1_000
    with writing(engine) as connection:
        of_short = update(documents).where(documents.c.job_id == short.job_id)
        connection.execute(of_short.values(saved_at_ms=earlier))
    assert [job for job, _ in results.having(TENANT, ["few"])] == [long.job_id, short.job_id]


def test_every_write_is_an_event(
    store: DatabaseJobStore, queue: DatabaseJobQueue, results: DatabaseResultStore
) -> None:
    lease = running(store, queue)
    results.save_document(lease, "train", "{}")
    results.name_artifact(lease, "best", DIGEST)
    results.report(lease, "epoch", {"epoch": 3})
    found = store.events(TENANT, lease.job_id, after=2)
    assert [(event.kind, event.data) for event in found] == [
        ("document", {"name": "train"}),
        ("artifact", {"name": "best", "digest": DIGEST}),
        ("epoch", {"epoch": 3}),
    ]
