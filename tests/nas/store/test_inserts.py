"""Inserts that meet what is there already."""

import math
from dataclasses import replace

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import StatementError

from latency_predictors.protocol import SubjectFailure, SubjectResult
from nas.store.inserts import add_to, insert_new, insert_or_replace
from nas.store.session import reading, writing
from nas.store.tables import counters, workers
from tests.latency_predictors.sessions import summary

FAILURE = SubjectFailure(digest="a" * 64, code="unsupported_subject", message="NaN")


def row(name: str, token: str) -> dict[str, object]:
    """A row of any table with a primary key."""
    return {"name": name, "token": token, "facts": {}}


def tokens(engine: Engine) -> dict[str, str]:
    """What is in the table."""
    with reading(engine) as connection:
        found = connection.execute(select(workers.c.name, workers.c.token).order_by(workers.c.name))
        return dict(iter(found))


def test_what_is_there_stays_and_is_not_counted(engine: Engine) -> None:
    with writing(engine) as connection:
        assert insert_new(connection, workers, [row("a", "1")]) == 1
        assert insert_new(connection, workers, [row("a", "2"), row("b", "2")]) == 1
        assert insert_new(connection, workers, []) == 0
    assert tokens(engine) == {"a": "1", "b": "2"}


def test_a_row_is_replaced_by_its_key(engine: Engine) -> None:
    with writing(engine) as connection:
        for token in ("1", "2"):
            insert_or_replace(connection, workers, row("a", token))
    assert tokens(engine) == {"a": "2"}


def test_numbers_are_added_to_those_that_are_there(engine: Engine) -> None:
    with writing(engine) as connection:
        for total in (1.5, 2.0):
            add_to(connection, counters, {"name": "a", "label": "", "times": 2, "total": total})
        assert tuple(connection.execute(select(counters)).one()) == ("a", "", 4, 3.5)


def test_documents_arrive_as_they_are_on_every_database(engine: Engine) -> None:
    facts = [{"ratio": 1e-07, "text": "é\n\"'\\\0\ud800", "none": None, "list": [1, [True]]}, FAILURE, None]
    with writing(engine) as connection:
        insert_new(connection, workers, [{**row(f"w{i}", "1"), "facts": one} for i, one in enumerate(facts)])
    with reading(engine) as connection:
        found = connection.execute(select(workers.c.facts).order_by(workers.c.name)).scalars().all()
    assert found == [facts[0], FAILURE.model_dump(mode="json"), None]


RESULT = SubjectResult(digest="a" * 64, summary=summary(1.0), scale=1.0, suspect=False, num_repeats=0)


@pytest.mark.parametrize(
    "facts",
    [
        {"ratio": math.nan},
        RESULT.model_copy(update={"scale": math.inf}),
        RESULT.model_copy(update={"summary": replace(RESULT.summary, std_ms=math.nan)}),
    ],
)
def test_a_number_that_is_none_is_refused_among_many(facts: object, engine: Engine) -> None:
    rows = [row("a", "1"), {**row("b", "1"), "facts": facts}]
    with pytest.raises((StatementError, ValueError)), writing(engine) as connection:
        insert_new(connection, workers, rows)
    assert tokens(engine) == {}
