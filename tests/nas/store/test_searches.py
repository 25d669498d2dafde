"""Which search, and which target of it, is meant by what somebody typed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.job_records import Job, JobRequest
from nas.jobs import JobKind
from nas.settings import Settings
from nas.store.job_rows import insert_job
from nas.store.pages import MAX_PAGE
from nas.store.searches import all_searches, find_search, target_index
from nas.store.session import writing
from nas.store.stores import Stores, opened_stores
from search_spaces.errors import UsageError
from tests.api.handmade import result

SEARCH = JobRequest(JobKind.SEARCH, {}, "digits")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with opened_stores(Settings(home=tmp_path)) as opened:
        yield opened


def submit(stores: Stores, *ids: str, tenant: str = "local", kind: JobKind = JobKind.SEARCH) -> list[Job]:
    """Queue jobs with identifiers of our choice."""
    for job_id in ids:
        with writing(stores.engine) as connection:
            insert_job(connection, tenant, JobRequest(kind, {}, "digits"), job_id)
    return [stores.jobs.get(tenant, job_id) for job_id in ids]


def test_searches_are_listed_in_the_order_in_which_they_were_submitted(stores: Stores) -> None:
    submitted = [stores.jobs.submit("local", SEARCH) for _ in range(3)]
    listed = all_searches(stores, "local")
    assert [job.created_at_ms for job in listed] == sorted(job.created_at_ms for job in listed)
    assert {job.id for job in listed} == {job.id for job in submitted}


def test_other_kinds_and_other_tenants_are_left_out(stores: Stores) -> None:
    (own,) = submit(stores, "digits-1")
    submit(stores, "digits-2", kind=JobKind.PROFILE)
    submit(stores, "digits-3", tenant="acme")
    assert all_searches(stores, "local") == [own]
    for name in ("digits-2", "digits-3"):
        with pytest.raises(UsageError) as caught:
            find_search(stores, "local", name)
        assert caught.value.code == "unknown_search"


def test_there_may_be_more_than_a_page_of_them(stores: Stores) -> None:
    with writing(stores.engine) as connection:
        for number in range(MAX_PAGE + 3):
            insert_job(connection, "local", SEARCH, f"digits-{number:04}")
    found = all_searches(stores, "local")
    assert len({job.id for job in found}) == MAX_PAGE + 3
    assert find_search(stores, "local", "digits-0000").id == "digits-0000"


@pytest.mark.parametrize("name", ["digits-1f3a9c", "digits-1", "dig"])
def test_the_start_of_an_identifier_is_enough_where_it_is_the_only_one(name: str, stores: Stores) -> None:
    submit(stores, "digits-1f3a9c", "shapes-1f3a9c")
    assert find_search(stores, "local", name).id == "digits-1f3a9c"


def test_a_whole_identifier_is_meant_though_another_begins_with_it(stores: Stores) -> None:
    submit(stores, "digits-1", "digits-12")
    assert find_search(stores, "local", "digits-1").id == "digits-1"


def test_what_may_be_several_is_refused_and_they_are_named(stores: Stores) -> None:
    submit(stores, "digits-1f", "digits-1e")
    with pytest.raises(UsageError, match="write more of it") as caught:
        find_search(stores, "local", "digits-1")
    assert caught.value.code == "ambiguous_search"
    assert "digits-1f" in caught.value.message
    assert "digits-1e" in caught.value.message


def test_an_unknown_one_is_refused_with_those_there_are(stores: Stores) -> None:
    with pytest.raises(UsageError, match="none yet"):
        find_search(stores, "local", "mnist")
    submit(stores, "digits-1f")
    with pytest.raises(UsageError, match="digits-1f") as caught:
        find_search(stores, "local", "mnist")
    assert caught.value.code == "unknown_search"


def test_the_latest_is_the_one_submitted_last(stores: Stores) -> None:
    with pytest.raises(UsageError):
        find_search(stores, "local", "latest")
    jobs = submit(stores, "digits-1", "digits-2")
    newest = max(jobs, key=lambda job: (job.created_at_ms, job.id))
    assert find_search(stores, "local", "latest") == newest


def test_a_target_that_is_not_there_has_no_position() -> None:
    assert target_index(result("s-1"), 1) == 0
    with pytest.raises(UsageError) as caught:
        target_index(result("s-1"), 2)
    assert caught.value.code == "unknown_target"
