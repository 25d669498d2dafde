"""Databases for the tests of the store: each test runs on SQLite and on a real PostgreSQL."""

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from benchmarks.postgres import find_binaries, serve
from nas.store.job_queue import DatabaseJobQueue
from nas.store.job_store import DatabaseJobStore
from nas.store.schema import upgrade
from nas.store.session import open_engine

_NUMBERS = itertools.count(1)
# A file system in memory where there is one: hundreds of transactions then do not wait for the disk.
_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a server whose database `template` has the newest schema."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL found (looked for pg_ctl and /usr/lib/postgresql)")
    with serve(binaries) as url:
        run_sql(url, "CREATE DATABASE template")
        engine = open_engine(url.removesuffix("postgres") + "template")
        upgrade(engine)
        engine.dispose()
        yield url


def run_sql(url: str, statement: str) -> None:
    """Run one statement outside a transaction."""
    engine = open_engine(url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def database_folder() -> Iterator[Path]:
    """A folder for the files of a database."""
    where = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="hwnas-", dir=where) as folder:
        yield Path(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, database_folder: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{database_folder}/jobs.db"
    return _new_database(request.getfixturevalue("postgres"), "")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, database_folder: Path) -> str:
    """The address of a database with the newest schema."""
    if request.param == "postgresql":
        return _new_database(request.getfixturevalue("postgres"), "TEMPLATE template")
    address = f"sqlite:///{database_folder}/jobs.db"
    made = open_engine(address)
    upgrade(made)
    made.dispose()
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


def _new_database(server: str, options: str) -> str:
    name = f"test{next(_NUMBERS)}"
    run_sql(server, f"CREATE DATABASE {name} {options}")
    return server.removesuffix("postgres") + name
