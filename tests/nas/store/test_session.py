"""How a database is opened, and what its failures are called."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, insert, select, text

from nas.store import session
from nas.store.session import journal_mode, one_at_a_time, open_engine, reading, writing
from nas.store.tables import workers
from search_spaces.errors import HwnasError, ResourceError, StoreError, UsageError


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 40, 1), "truncate"), ((3, 44, 5), "truncate"), ((3, 44, 6), "wal"), ((3, 45, 0), "truncate"),
        ((3, 50, 6), "truncate"), ((3, 50, 7), "wal"), ((3, 51, 2), "truncate"), ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"), ((4, 0, 0), "wal"),
    ],
)  # fmt: skip
def test_wal_only_where_it_is_sound(version: tuple[int, int, int], mode: str) -> None:
    assert journal_mode(version) == mode


def test_a_connection_is_durable_and_keeps_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/new/jobs.db")
    with reading(engine) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    mode = journal_mode(sqlite3.sqlite_version_info)
    assert found == {"journal_mode": mode, "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


def test_a_writer_holds_the_lock_from_its_first_moment(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    engine = open_engine(url)
    other = sqlite3.connect(tmp_path / "jobs.db", timeout=0, isolation_level=None)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


@pytest.mark.parametrize("transaction", [reading, writing])
def test_what_ctrl_c_cuts_off_keeps_no_lock(
    tmp_path: Path, transaction: Callable[[Engine], AbstractContextManager[Connection]]
) -> None:
    def ctrl_c(cursor: sqlite3.Cursor, statement: str, values: Any, context: object) -> None:
        cursor.execute(statement, values)
        raise KeyboardInterrupt

    engine = open_engine(f"sqlite:///{tmp_path}/jobs.db")
    with writing(engine) as connection:
        workers.create(connection)
        connection.execute(insert(workers).values(name="ann", token="0", facts={}))
    with closing(sqlite3.connect(tmp_path / "jobs.db", timeout=0)) as other, suppress(KeyboardInterrupt):
        try:
            with transaction(engine) as connection:
                event.listen(engine, "do_execute", ctrl_c)
                connection.execute(select(workers.c.name))
        finally:  # while the traceback is there
            other.execute("UPDATE workers SET token = '1'")
            other.commit()
    event.remove(engine, "do_execute", ctrl_c)
    with reading(engine) as connection:
        assert connection.execute(select(workers.c.token)).scalar_one() == "1"
    engine.dispose()


def test_reading_then_writing_never_fails_whoever_else_writes(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(workers).values(name="counter", token="0", facts={}))

    def count(_: int) -> None:
        with writing(engine) as connection:
            # In PostgreSQL the row is locked, in SQLite the database was from the beginning.
            found = select(workers.c.token).where(workers.c.name == "counter").with_for_update()
            token = int(connection.execute(found).scalar_one())
            connection.execute(workers.update().values(token=str(token + 1)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(40)))
    with reading(engine) as connection:
        assert connection.execute(select(workers.c.token)).scalar_one() == "40"


def test_transactions_about_one_thing_come_one_after_the_other(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(insert(workers).values(name="counter", token="0", facts={}))

    def count(_: int) -> None:
        with writing(engine) as connection:
            one_at_a_time(connection, "counter")
            # Locks nothing: what is read would be out of date when it is written.
            token = int(connection.execute(select(workers.c.token)).scalar_one())
            connection.execute(workers.update().values(token=str(token + 1)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(40)))
    with reading(engine) as connection:
        assert connection.execute(select(workers.c.token)).scalar_one() == "40"


def test_an_exception_undoes_everything(engine: Engine) -> None:
    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(insert(workers).values(name="a", token="1", facts={}))
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    with reading(engine) as connection:
        assert connection.execute(select(workers)).all() == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "jobs.db",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://a/b",
        "nonsense://x",
        "sqlite+aiosqlite:///x",
    ],
)
def test_an_address_of_no_database_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_engine(url)
    assert caught.value.code == "invalid_database_url"


def test_a_place_where_no_folder_can_be_made_is_named() -> None:
    with pytest.raises(ResourceError, match="/proc/none cannot be made: set HWNAS_HOME") as caught:
        open_engine("sqlite:////proc/none/hwnas.db")
    assert caught.value.code == "not_writable"


def test_a_password_is_not_told() -> None:
    with pytest.raises(UsageError) as caught:
        open_engine("mysql://ann:hunter2@host/db")
    assert "hunter2" not in caught.value.message


def error_of(url: str) -> HwnasError:
    """What opening and looking at a database ends in."""
    engine = open_engine(url)
    with pytest.raises(HwnasError) as caught, reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    return caught.value


def test_a_server_that_is_not_there_is_unreachable() -> None:
    error = error_of("postgresql://ann:hunter2@127.0.0.1:1/jobs")
    assert isinstance(error, StoreError)
    assert error.code == "database_unreachable"
    assert "hunter2" not in error.message


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    assert error_of(f"sqlite:///{tmp_path}").code == "database_unreachable"


def test_a_file_that_is_something_else_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "jobs.db").write_bytes(b"a photo, not a database" * 100)
    error = error_of(f"sqlite:///{tmp_path}/jobs.db")
    assert error.code == "database_failed"
    assert "SQLITE_NOTADB" in error.message


def test_a_database_that_is_busy_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BUSY_S", 0)
    engine = open_engine(f"sqlite:///{tmp_path}/jobs.db")
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as caught, writing(engine):
        pytest.fail("two writers at once")
    other.close()
    engine.dispose()
    assert caught.value.code == "database_busy"


NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
SCRIPT = """
mount -t tmpfs -o size=2m tmpfs "$1" || exit 42
exec "$2" -m tests.nas.store.full_disk "$1"
"""


def test_threads_that_write_to_one_file_wait_for_their_turn_and_not_longer(tmp_path: Path) -> None:
    """Where each tried again by itself, some of eight threads waited for seconds."""
    engine = open_engine(f"sqlite:///{tmp_path}/jobs.db")
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE seen (number INTEGER)")

    def write(number: int) -> float:
        begun = time.monotonic()
        with writing(engine) as connection:
            connection.exec_driver_sql("INSERT INTO seen VALUES (?)", (number,))
        return time.monotonic() - begun

    with ThreadPoolExecutor(8) as pool:
        waited = list(pool.map(write, range(200)))
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM seen").scalar_one() == 200
    engine.dispose()
    assert max(waited) < 1.5, "eight turns of a few milliseconds"


def test_a_full_disk_loses_nothing_and_is_named(repository: Path, tmp_path: Path) -> None:
    command = [*NAMESPACE, "sh", "-c", SCRIPT, "sh", str(tmp_path), sys.executable]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    if done.returncode == 42 or "unshare" in done.stderr:
        pytest.skip("this system lets nobody mount a file system of their own")
    assert done.returncode == 0, done.stderr


def test_full_is_a_fault_of_the_machine() -> None:
    assert not issubclass(ResourceError, StoreError)
