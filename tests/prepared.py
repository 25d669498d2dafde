"""Databases of new homes without their migrations: those run once, what they made is written as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from nas.store import schema
from nas.store.schema import open_database
from nas.store.session import writing


@contextmanager
def prepared_databases(folder: Path) -> Iterator[None]:
    """Have an empty SQLite file that is opened get the newest schema at once.

    `schema.upgrade` itself stays for whoever imports it, PostgreSQL and files that hold something.

    Args:
        folder: For the file on which the migrations run.
    """
    made, migrate = folder / "prepared.db", schema.upgrade
    open_database(f"sqlite:///{made}").dispose()
    with closing(sqlite3.connect(made)) as connection:
        statements = [line for line in connection.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;")]

    def prepare(engine: Engine) -> bool:
        return (engine.dialect.name == "sqlite" and _written(engine, statements)) or migrate(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "upgrade", prepare)
        yield


def _written(engine: Engine, statements: list[str]) -> bool:
    with writing(engine) as connection:
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema").scalar():
            return False
        for statement in statements:
            connection.exec_driver_sql(statement)
        return True
