"""What searches are for: found by it in lists, also those that were submitted before it was noted."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from nas.job_records import JobRequest
from nas.jobs import JobKind, JobState
from nas.store.job_facets import facets_of
from nas.store.job_store import DatabaseJobStore
from nas.store.schema import upgrade
from nas.store.session import open_engine, writing
from nas.store.upgrading import migrate
from tests.nas.store.queued import TENANT

OLD_JOB = """
INSERT INTO jobs (id, tenant, owner, kind, state, name, spec, attempt, token, worker, progress, faults,
  faults_without_progress, code, message, cancel_requested, created_at_ms, last_event)
VALUES (:id, :tenant, '', :kind, 'succeeded', '', :spec, 1, '', '', 0, '{}', 0, '', '', false, :at, 1)
"""


def spec(*devices: str, space: str = "resnet") -> dict[str, Any]:
    """What a search for these devices says of them."""
    return {"space": {"name": space, "preset": "tiny"}, "targets": [{"device": one} for one in devices]}


def submitted(store: DatabaseJobStore, *devices: str, space: str = "resnet", tenant: str = TENANT) -> str:
    """A search for these devices, by its identifier."""
    return store.submit(tenant, JobRequest(JobKind.SEARCH, spec(*devices, space=space))).id


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (spec("host", "pi5", "host"), {("device", "host"), ("device", "pi5"), ("space", "resnet")}),
        ({}, set()),
        ({"space": "resnet", "targets": "host"}, set()),
        ({"space": {"name": ["resnet"]}, "targets": [{"device": {}}, "host", {}]}, set()),
        (spec("", "a\0b", "x" * 201, space="\ud800"), set()),
    ],
)
def test_what_a_specification_is_for_is_told_whatever_is_wrong_with_it(
    told: dict[str, Any], expected: set[tuple[str, str]]
) -> None:
    assert facets_of(told) == expected


def test_searches_are_found_by_device_and_space(store: DatabaseJobStore) -> None:
    both, host = submitted(store, "host", "pi5"), submitted(store, "host", space="nas_bench_201")
    submitted(store, "pi5", tenant="other")
    store.submit(TENANT, JobRequest(JobKind.PROFILE, spec("host")))

    def found(**wanted: Any) -> set[str]:
        return {job.id for job in store.page(TENANT, **wanted).jobs}

    assert found(device="host") == {both, host}
    assert found(device="pi5") == found(space="resnet") == found(device="host", space="resnet") == {both}
    assert found(device="host", states=[JobState.FAILED]) == found(device="pi6") == set()
    assert store.facet_values(TENANT, "device") == ("host", "pi5")
    assert store.facet_values(TENANT, "space") == ("nas_bench_201", "resnet")
    assert store.facet_values("other", "device") == ("pi5",)


def test_pages_of_a_device_stand_still_while_searches_come(store: DatabaseJobStore) -> None:
    expected = {submitted(store, "pi5") for _ in range(5)}
    seen: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = store.page(TENANT, device="pi5", space="resnet", limit=2, cursor=cursor)
        seen += [(job.created_at_ms, job.id) for job in page.jobs]
        submitted(store, "host")
        submitted(store, "pi5")
        if page.cursor is None:
            break
        cursor = page.cursor
    assert seen == sorted(seen, reverse=True)
    assert {job_id for _, job_id in seen} == expected


def test_searches_that_were_there_before_are_found_too(database: str) -> None:
    engine = open_engine(database)
    with writing(engine) as connection:
        migrate(connection, "0009")
        for name, kind, told in (
            ("old", "search", spec("pi5", "pi5")),
            ("older", "search", {"targets": [{"device": []}]}),
            ("profile", "profile", spec("pi5")),
        ):
            row = {"id": name, "tenant": TENANT, "kind": kind, "spec": json.dumps(told), "at": 7}
            connection.execute(text(OLD_JOB), row)
    upgrade(engine)
    store = DatabaseJobStore(engine)
    new = submitted(store, "pi5")
    assert [job.id for job in store.page(TENANT, device="pi5", space="resnet").jobs] == [new, "old"]
    engine.dispose()
