"""The schema: made, upgraded, refused; the same whichever way it came to be."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text

from nas.store import schema
from nas.store.schema import TABLES, newest_version, open_database, schema_version, upgrade
from nas.store.session import open_engine, reading, writing
from nas.store.upgrading import migrate
from search_spaces.errors import StoreError

DIE = """
import os, signal, sys
from alembic import op
from nas.store.schema import upgrade
from nas.store.session import open_engine
made, create = 0, op.create_table
def die(*arguments, **named):
    global made
    made += 1
    if made == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return create(*arguments, **named)
op.create_table = die
upgrade(open_engine(sys.argv[1]))
"""


def tables(engine: Engine) -> set[str]:
    """Names of the tables that are there."""
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_upgrading_makes_the_tables_that_the_code_knows(engine: Engine) -> None:
    with reading(engine) as connection:
        differences = compare_metadata(MigrationContext.configure(connection), TABLES)
    assert differences == []
    assert tables(engine) == set(TABLES.tables)
    assert schema_version(engine) == newest_version()


def test_upgrading_twice_does_nothing(database: str) -> None:
    engine = open_engine(database)
    assert schema_version(engine) == ""
    assert upgrade(engine) is True
    assert upgrade(engine) is False
    engine.dispose()


def test_every_version_is_upgraded_to_the_newest(database: str) -> None:
    engine = open_engine(database)
    for version in ("0001", "0002", "0003"):
        with writing(engine) as connection:
            migrate(connection, version)
        assert schema_version(engine) == version
    assert upgrade(engine) is True
    assert tables(engine) == set(TABLES.tables)
    engine.dispose()


def test_two_processes_upgrade_once(database: str) -> None:
    def run(_: int) -> bool:
        engine = open_engine(database)
        found = upgrade(engine)
        engine.dispose()
        return found

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [False, True]


@pytest.mark.parametrize("step", [2, 9, 15])
def test_an_upgrade_that_was_killed_is_run_again(database: str, repository: Path, step: int) -> None:
    arguments = [sys.executable, "-c", DIE, database, str(step)]
    died = subprocess.run(
        arguments, cwd=repository, env={**os.environ, "PYTHONPATH": "."}, check=False, capture_output=True
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    engine = open_engine(database)
    assert tables(engine) == set(), "all or nothing"
    assert upgrade(engine) is True
    assert tables(engine) == set(TABLES.tables)
    engine.dispose()


def test_a_newer_database_is_refused_and_left_alone(engine: Engine, url: str) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for ask in (schema_version, upgrade):
        with pytest.raises(StoreError) as caught:
            ask(engine)
        assert caught.value.code == "database_newer"
    with pytest.raises(StoreError, match="9999"):
        open_database(url)
    assert tables(engine) == set(TABLES.tables)


def test_a_local_file_is_upgraded_as_it_is_opened_and_a_server_is_not(database: str) -> None:
    if database.startswith("sqlite"):
        engine = open_database(database)
        assert schema_version(engine) == newest_version()
        engine.dispose()
        return
    with pytest.raises(StoreError) as caught:
        open_database(database)
    assert caught.value.code == "database_outdated"
    assert "hwnas db upgrade" in caught.value.message


def test_a_database_of_the_newest_schema_is_opened(url: str) -> None:
    engine = open_database(url)
    assert tables(engine) == set(TABLES.tables)
    engine.dispose()


def test_migrations_are_part_of_what_is_installed(repository: Path) -> None:
    # What a wheel holds is named by folder, so every file of these folders is in it.
    configured = (repository / "pyproject.toml").read_text()
    assert 'only-include = ["search_spaces", "latency_predictors", "nas"' in configured
    folder = Path(schema.__file__).parent / "migrations"
    assert (folder / "script.py.mako").is_file()
    assert len(list((folder / "versions").glob("r*.py"))) == 13
