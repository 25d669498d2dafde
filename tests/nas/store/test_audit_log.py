from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from nas.job_records import JobRequest
from nas.jobs import JobKind
from nas.store.audit_log import Actor, DatabaseAuditLog, lock_changes, note
from nas.store.job_store import DatabaseJobStore
from nas.store.session import writing
from search_spaces.errors import UsageError

ME = Actor("me", "key1", "request1")


def noted(engine: Engine, *actions: str, tenant: str = "a") -> DatabaseAuditLog:
    for action in actions:
        with writing(engine) as connection:
            lock_changes(connection, tenant)
            note(connection, tenant, ME, action, "digits-1")
    return DatabaseAuditLog(engine)


def test_changes_are_told_newest_first_and_to_their_tenant(engine: Engine) -> None:
    log = noted(engine, "search.submit", "search.cancel")
    assert [one.action for one in log.last("a")] == ["search.cancel", "search.submit"]
    assert (log.last("a")[0].owner, log.last("a")[0].request_id) == ("me", "request1")
    assert log.last("b") == ()


@pytest.mark.parametrize("column", ["owner", "key_id", "action", "subject", "request_id", "at_ms", "digest"])
def test_a_changed_byte_is_found(engine: Engine, column: str) -> None:
    log = noted(engine, "one", "two", "three")
    assert log.check("a").broken_at is None
    changed = "1" if column == "at_ms" else "'x'"
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE audit SET {column} = {changed} WHERE id = 2"))
    assert log.check("a").broken_at == 2


def test_a_removed_row_is_found(engine: Engine) -> None:
    log = noted(engine, "one", "two", "three")
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM audit WHERE id = 2"))
    assert log.check("a").broken_at == 3


def test_rows_that_are_cut_off_are_found_by_the_digest_that_was_kept(engine: Engine) -> None:
    log = noted(engine, "one", "two", "three")
    kept = log.check("a").last_digest
    assert noted(engine, "four").check("a", kept).has_kept
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM audit WHERE id > 2"))
    found = log.check("a", kept)
    assert (found.num_changes, found.broken_at, found.has_kept) == (2, None, False)


def test_rows_from_before_there_were_digests_break_nothing(engine: Engine) -> None:
    log = noted(engine, "one")
    with writing(engine) as connection:
        connection.execute(text("UPDATE audit SET digest = ''"))
    assert noted(engine, "two").check("a").broken_at is None
    assert len(log.last("a")) == 2


def test_a_change_and_its_row_come_together_or_not_at_all(engine: Engine) -> None:
    jobs, log = DatabaseJobStore(engine), DatabaseAuditLog(engine)
    asked = JobRequest(JobKind.SEARCH, {}, "digits", "me")
    first = jobs.submit("a", asked, "key", actor=ME)
    jobs.submit("a", asked, "key", actor=ME)  # no change: the same job again
    with pytest.raises(UsageError, match="another request"):
        jobs.submit("a", JobRequest(JobKind.SEARCH, {"seed": 1}, "digits", "me"), "key", actor=ME)
    jobs.request_cancel("a", first.id, actor=ME)
    jobs.request_cancel("a", first.id, actor=ME)  # it has ended
    assert [(one.action, one.subject) for one in log.last("a")] == [
        ("search.cancel", first.id),
        ("search.submit", first.id),
    ]


def test_the_chain_holds_where_many_change_at_once(engine: Engine) -> None:
    jobs = DatabaseJobStore(engine)
    with ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda n: jobs.submit("a", JobRequest(JobKind.SEARCH, {"seed": n}), actor=ME), range(20)
            )
        )
    log = DatabaseAuditLog(engine)
    assert len(log.last("a")) == 20
    assert log.check("a").broken_at is None
