import pytest
from sqlalchemy import Engine

from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.store.idempotency import known_job
from nas.store.session import writing
from search_spaces.errors import UsageError

ASKED = JobRequest(JobKind.SEARCH, {"seed": 1}, "digits", "me")


def asked(engine: Engine, tenant: str, request: JobRequest, job_id: str) -> str | None:
    with writing(engine) as connection:
        return known_job(connection, tenant, request, "key", job_id)


def test_a_key_stands_for_its_first_job_in_its_tenant(engine: Engine) -> None:
    assert asked(engine, "a", ASKED, "first") is None
    assert asked(engine, "a", ASKED, "second") == "first"
    assert asked(engine, "b", ASKED, "third") is None


def test_a_key_is_its_owners_own(engine: Engine) -> None:
    assert asked(engine, "a", ASKED, "first") is None
    others = JobRequest(JobKind.SEARCH, {"seed": 2}, "digits", "somebody else")
    assert asked(engine, "a", others, "second") is None
    assert asked(engine, "a", others, "third") == "second"
    assert asked(engine, "a", ASKED, "fourth") == "first"


def test_a_key_with_another_request_is_a_conflict(engine: Engine) -> None:
    asked(engine, "a", ASKED, "first")
    other = JobRequest(JobKind.SEARCH, {"seed": 2}, "digits", "me")
    with pytest.raises(UsageError, match="job first"):
        asked(engine, "a", other, "second")
