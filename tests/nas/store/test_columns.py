"""What is written comes back to the byte, and times are the database's."""

import time

from sqlalchemy import Column as SqlColumn
from sqlalchemy import Engine, MetaData, Table, Text, cast, insert, select

from nas.store.columns import Json
from nas.store.session import reading, writing
from tests.nas.store.queued import database_now


def test_json_comes_back_as_it_was_written(engine: Engine) -> None:
    table = Table("documents_of_a_test", MetaData(), SqlColumn("value", Json))
    value = {"b": 0.1 + 0.2, "a": [1e-320, 2**70, "é\x00\u2028", None], "": {}}
    with writing(engine) as connection:
        table.create(connection)
        connection.execute(insert(table).values(value=value))
    with reading(engine) as connection:
        found = connection.execute(select(table.c.value)).scalar_one()
        text = connection.execute(select(cast(table.c.value, Text))).scalar_one()
    with writing(engine) as connection:
        table.drop(connection)  # the database is the next test's too
    assert found == value
    assert list(found) == ["b", "a", ""]
    assert " " not in str(text).replace("é", ""), "no white space"


def test_times_are_milliseconds_of_the_databases_clock(engine: Engine) -> None:
    before = time.time() * 1000
    found = database_now(engine)
    assert before - 50 <= found <= time.time() * 1000 + 50
