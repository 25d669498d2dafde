"""Data sets: registered with the job that checks them, ready or rejected when that has run."""

import pytest
from sqlalchemy import Engine

from nas.jobs import JobKind, Succeeded
from nas.store.audit_log import Actor, DatabaseAuditLog
from nas.store.dataset_store import DatabaseDatasetStore
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from search_spaces.errors import UsageError
from tests.nas.store.queued import TENANT, claim_one

SPEC = {"name": "image_folder", "path": "/data/flowers"}


@pytest.fixture
def datasets(engine: Engine) -> DatabaseDatasetStore:
    """Data sets in the database."""
    return DatabaseDatasetStore(engine)


def test_a_data_set_comes_with_the_job_that_checks_it(
    datasets: DatabaseDatasetStore, store: DatabaseJobStore
) -> None:
    added = datasets.add(TENANT, "flowers", SPEC)
    assert (added.state, added.spec) == ("checking", SPEC)
    job = store.get(TENANT, added.job_id)
    assert (job.kind, job.spec) == (JobKind.DATASET, {"dataset": added.id})
    assert datasets.add(TENANT, "flowers", SPEC) == added
    assert len(store.page(TENANT).jobs) == 1


def test_a_name_is_for_one_data_set(datasets: DatabaseDatasetStore) -> None:
    datasets.add(TENANT, "flowers", SPEC)
    with pytest.raises(UsageError) as caught:
        datasets.add(TENANT, "flowers", {**SPEC, "path": "/elsewhere"})
    assert caught.value.code == "dataset_exists"
    assert datasets.add("other", "flowers", {**SPEC, "path": "/elsewhere"}).state == "checking"


def test_the_job_says_what_it_is_worth(datasets: DatabaseDatasetStore, queue: DatabaseJobQueue) -> None:
    good, bad = datasets.add(TENANT, "a", SPEC), datasets.add(TENANT, "b", SPEC)
    for claim in queue.claim("w1", 2):
        named = claim.spec["dataset"]
        if named == good.id:
            datasets.judge(claim.lease, named, "ready", {"num_images": 10}, digest="d" * 64)
        else:
            datasets.judge(claim.lease, named, "rejected", {"code": "no_images"})
    found = {one.name: (one.state, one.digest, one.report) for one in datasets.list_all(TENANT)}
    assert found == {
        "a": ("ready", "d" * 64, {"num_images": 10}),
        "b": ("rejected", "", {"code": "no_images"}),
    }
    assert datasets.get(TENANT, bad.id).state == "rejected"


def test_a_data_set_that_was_rejected_is_checked_again_when_it_is_added_again(
    datasets: DatabaseDatasetStore, queue: DatabaseJobQueue
) -> None:
    first = datasets.add(TENANT, "a", SPEC)
    claim = claim_one(queue)
    datasets.judge(claim.lease, first.id, "rejected", {"code": "no_images"})
    queue.settle(claim.lease, Succeeded())
    again = datasets.add(TENANT, "a", SPEC)
    assert (again.id, again.state, again.report) == (first.id, "checking", {})
    assert again == datasets.get(TENANT, "a") == datasets.add(TENANT, "a", SPEC)
    assert claim_one(queue).lease.job_id == again.job_id != first.job_id


def test_a_job_judges_no_other_tenants_data(datasets: DatabaseDatasetStore, queue: DatabaseJobQueue) -> None:
    datasets.add(TENANT, "a", SPEC)
    theirs = datasets.add("other", "a", SPEC)
    claims = {claim.lease.tenant: claim for claim in queue.claim("w1", 2)}
    with pytest.raises(UsageError):
        datasets.judge(claims[TENANT].lease, theirs.id, "rejected", {})
    assert datasets.get("other", "a").state == "checking"


def test_an_unknown_data_set_is_named(datasets: DatabaseDatasetStore) -> None:
    datasets.add("other", "flowers", SPEC)
    with pytest.raises(UsageError, match="flowers") as caught:
        datasets.get(TENANT, "flowers")
    assert caught.value.code == "unknown_dataset"
    assert datasets.list_all(TENANT) == ()


def test_a_name_wins_over_an_identifier(datasets: DatabaseDatasetStore, queue: DatabaseJobQueue) -> None:
    first = datasets.add(TENANT, "flowers", SPEC)
    second = datasets.add(TENANT, first.id, SPEC)
    assert datasets.get(TENANT, first.id) == second
    assert claim_one(queue).kind is JobKind.DATASET


def test_whoever_registers_one_is_noted_once(datasets: DatabaseDatasetStore, engine: Engine) -> None:
    actor = Actor("me", "key", "request")
    added = [datasets.add(TENANT, "flowers", SPEC, actor=actor) for _ in range(2)]
    (noted,) = DatabaseAuditLog(engine).last(TENANT)
    assert (noted.action, noted.subject, noted.owner) == ("dataset.submit", added[0].id, "me")


def test_a_tenant_has_room_for_so_many_jobs(datasets: DatabaseDatasetStore, store: DatabaseJobStore) -> None:
    datasets.add(TENANT, "a", SPEC, max_open=1)
    with pytest.raises(UsageError) as caught:
        datasets.add(TENANT, "b", SPEC, max_open=1)
    assert caught.value.code == "too_many_jobs"
    assert [one.name for one in datasets.list_all(TENANT)] == ["a"]
    assert len(store.page(TENANT).jobs) == 1


def test_a_tenant_has_room_for_so_many_bytes_whatever_comes_at_once(datasets: DatabaseDatasetStore) -> None:
    """Each of two uploads had room while it came."""
    datasets.add(TENANT, "first", SPEC, stored_bytes=60, max_stored_bytes=100)
    with pytest.raises(UsageError) as caught:
        datasets.add(TENANT, "second", SPEC, stored_bytes=60, max_stored_bytes=100)
    assert caught.value.code == "too_much_stored"
    assert [one.name for one in datasets.list_all(TENANT)] == ["first"]
    datasets.add(TENANT, "first", SPEC, stored_bytes=60, max_stored_bytes=10)  # is there already
    datasets.add("other", "second", SPEC, stored_bytes=60, max_stored_bytes=100)


def test_pages_go_on_after_a_name(datasets: DatabaseDatasetStore) -> None:
    for name in ("d", "b", "e", "a"):
        datasets.add(TENANT, name, SPEC)
    first = datasets.page(TENANT, 2)
    datasets.add(TENANT, "aa", SPEC)
    datasets.add(TENANT, "c", SPEC)
    rest = datasets.page(TENANT, 9, first.cursor)
    assert [one.name for one in first.items] == ["a", "b"]
    assert ([one.name for one in rest.items], rest.cursor) == (["c", "d", "e"], None)
    assert datasets.page("other").items == ()
