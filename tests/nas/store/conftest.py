"""Databases for the tests of the store: each test runs on SQLite and on a real PostgreSQL."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from benchmarks.postgres import find_binaries, serve
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.schema import TABLES, newest_version, open_database, upgrade
from nas.store.session import open_engine

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL found (looked for pg_ctl and /usr/lib/postgresql)")
    with serve(binaries) as url:
        yield url


@pytest.fixture(scope="session")
def upgraded(postgres: str) -> Iterator[Engine]:
    """A database with the newest schema, which one test after the other finds empty."""
    engine = open_engine(new_database(postgres))
    upgrade(engine)
    yield engine
    engine.dispose()


def run_sql(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    engine = open_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/jobs.db"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database with the newest schema."""
    if request.param == "postgresql":
        return emptied(request.getfixturevalue("upgraded"))
    address = f"sqlite:///{tmp_path}/jobs.db"
    open_database(address).dispose()
    return address


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """The engine of a database with the newest schema."""
    opened = open_engine(url)
    yield opened
    opened.dispose()


@pytest.fixture
def store(engine: Engine) -> DatabaseJobStore:
    """Jobs as users see them."""
    return DatabaseJobStore(engine)


@pytest.fixture
def queue(engine: Engine) -> DatabaseJobQueue:
    """Jobs as workers see them."""
    return DatabaseJobQueue(engine)


def new_database(server: str) -> str:
    """Make a database; return its address."""
    name = f"test{next(_NUMBERS)}"
    run_sql(server, f"CREATE DATABASE {name}")
    return server.removesuffix("postgres") + name


def emptied(engine: Engine) -> str:
    """Take from a database of PostgreSQL whatever a test has left, connections too; return its address."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with engine.begin() as connection:
        connection.execute(text(f"SELECT pg_terminate_backend(pid) {others}"))
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{newest_version()}'"))
        for table in reversed(TABLES.sorted_tables):
            numbered = table.autoincrement_column is not None
            connection.execute(
                text(f"TRUNCATE {table.name} RESTART IDENTITY") if numbered else table.delete()
            )
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
