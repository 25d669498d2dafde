"""A transaction that Ctrl-C cuts off."""

from sqlite3 import Cursor
from typing import Any, NoReturn

from sqlalchemy import Engine, event, update

from nas.store.session import writing
from nas.store.tables import jobs


def cut_off(engine: Engine) -> NoReturn:
    """Have Ctrl-C come between a statement and its answer, as it does where it comes then.

    Raises:
        KeyboardInterrupt: Its traceback refers to the statement, which keeps the lock of a SQLite file.
    """

    def ctrl_c(cursor: Cursor, statement: str, values: Any, context: object) -> None:
        cursor.execute(statement, values)
        raise KeyboardInterrupt

    with writing(engine) as connection:
        event.listen(engine, "do_execute", ctrl_c)
        connection.execute(update(jobs).values(message="half").returning(jobs.c.id))
    raise AssertionError("it came")
