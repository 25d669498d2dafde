import pytest
from sqlalchemy import Engine, select

from nas.store.job_store import DatabaseJobStore
from nas.store.pages import Listed, cut, newest
from nas.store.session import reading
from nas.store.tables import jobs
from tests.nas.store.queued import submit


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("", Listed((), None)),
        ("ab", Listed(("a", "b"), None)),
        ("abc", Listed(("a", "b"), "B")),
        ("abcdef", Listed(("a", "b"), "B")),
    ],
)
def test_a_page_says_where_the_next_one_begins(found: str, expected: Listed[str]) -> None:
    assert cut(found, 2, str.upper) == expected


def test_of_one_moment_each_row_is_on_one_page(engine: Engine, store: DatabaseJobStore) -> None:
    expected = sorted((job.id for job in submit(store, 5)), reverse=True)
    query = select(jobs.c.id, (jobs.c.created_at_ms * 0).label("created_at_ms"))
    seen: list[str] = []
    cursor = None
    with reading(engine) as connection:
        while len(seen) < 5:
            page = newest(connection, query, (jobs.c.created_at_ms * 0, jobs.c.id), 2, cursor)
            seen += [row.id for row in page.items]
            cursor = page.cursor
    assert (seen, cursor) == (expected, None)
