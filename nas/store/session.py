"""The database: how it is opened, how transactions begin, and what its failures are called.

Two kinds of transaction and no third: `reading(engine)` and `writing(engine)`. Whatever may write begins as a
writer: a reader that turned into one would fail at once in SQLite, whatever the time-out.
"""

import sqlite3
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)
from sqlalchemy.pool import ConnectionPoolEntry

from search_spaces.errors import HwnasError, ResourceError, StoreError, UsageError

BUSY_S: Final = 30
"""Longest wait for somebody else's transaction."""

_OUR_MISTAKES: Final = (IntegrityError, ProgrammingError, DataError)
_READS: Final = "hwnas_reads"
_FIXED: Final = ((3, 50, 7), (3, 44, 6))
_SOUND_SINCE: Final = (3, 51, 3)


def journal_mode(version: tuple[int, int, int]) -> str:
    """Return the journal mode that is safe for a version of SQLite with several processes on one file.

    Versions before 3.51.3 can corrupt a file in WAL mode where two connections write and checkpoint at the
    same moment, but for two that got the correction too (https://sqlite.org/wal.html#walresetbug).
    """
    fixed = any(version[:2] == one[:2] and version >= one for one in _FIXED)
    return "wal" if fixed or version >= _SOUND_SINCE else "truncate"


def open_engine(url: str) -> Engine:
    """Return the engine of a database; nothing is looked at yet.

    Args:
        url: `sqlite:///PATH` or `postgresql://USER@HOST/NAME`.

    Raises:
        UsageError: `invalid_database_url`, or `missing_package` where PostgreSQL's driver is not installed.
        ResourceError: `not_writable` where no folder can be made for the file.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            _make_folder(Path(parsed.database).parent)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    # A paused process keeps no lock for ever: the server ends its transaction. Nor does a server that is gone
    # without a word keep a thread here.
    options = f"-c idle_in_transaction_session_timeout={BUSY_S}s -c lock_timeout={BUSY_S}s -c timezone=UTC"
    try:
        gone = {"connect_timeout": 10, "tcp_user_timeout": 1_000 * BUSY_S}
        return create_engine(parsed, pool_pre_ping=True, connect_args={**gone, "options": options})
    except ModuleNotFoundError as error:
        raise UsageError(
            "missing_package", "PostgreSQL needs a driver: pip install 'hwnas[postgres]'"
        ) from error


def _make_folder(folder: Path) -> None:
    try:
        # Keys, searches and images: nobody else on this machine is to read them.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileNotFoundError as error:
        # Not even its parents can be made: below /proc, for example.
        raise ResourceError(
            "not_writable", f"the folder {folder} cannot be made: set HWNAS_HOME to one that can"
        ) from error


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise _no_url(url) from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise _no_url(url)
    return parsed


def _no_url(url: str) -> UsageError:
    scheme = url.partition("://")[0][:20]  # what follows may hold a password
    return UsageError(
        "invalid_database_url",
        f"'{scheme}://...' names no database: write sqlite:///PATH or postgresql://USER@HOST/NAME",
    )


def _prepare_sqlite(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin as `_begin_sqlite` says
    mode = journal_mode(sqlite3.sqlite_version_info)
    for pragma in (f"journal_mode={mode}", "synchronous=full", "foreign_keys=on"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection in a transaction that is committed at the end, or rolled back by an exception.

    Do nothing slow inside: in SQLite nobody else writes meanwhile.

    Raises:
        ResourceError: `disk_full`.
        StoreError: `database_busy`, `database_unreachable`, `database_read_only` or `database_failed`.
    """
    with _told(engine), _turn(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection that sees one state of the database; it may not write.

    Raises:
        StoreError: As `writing`.
    """
    with (
        _told(engine),
        engine.connect().execution_options(**{_READS: True}) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def _told(engine: Engine) -> Iterator[None]:
    """Call failures of the database by their names; have what a signal has cut off let go of its locks."""
    try:
        yield
    except _OUR_MISTAKES:
        raise
    except DBAPIError as error:
        raise _translated(engine, error) from error
    except BaseException as error:
        if not isinstance(error, Exception):
            # SQLite keeps a connection with its locks while a statement of it is referred to, as one is from
            # the traceback: whoever writes before that is gone would wait in vain.
            traceback.clear_frames(error.__traceback__)
        raise


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Let one thread of this process write to a SQLite file, while the others wait for their turn.

    SQLite has whoever comes second look again and again, after pauses: of eight threads some waited seconds.

    Raises:
        StoreError: `database_busy`.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _lock_of(str(engine.url.database))
    if not lock.acquire(timeout=BUSY_S):
        raise _busy(engine.url.render_as_string(hide_password=True))
    try:
        yield
    finally:
        lock.release()


@cache
def _lock_of(file: str) -> threading.Lock:
    return threading.Lock()


def one_at_a_time(connection: Connection, what: str) -> None:
    """Let no other transaction past here for the same thing until this one has ended.

    In SQLite none that may write runs beside this one anyway.

    Args:
        connection: In a transaction that may write.
        what: Any text; other texts do not wait for it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": what})


def _translated(engine: Engine, error: DBAPIError) -> HwnasError:
    """Return what a failure of the database means; statements and values stay out of it."""
    where = engine.url.render_as_string(hide_password=True)
    code = _sqlite_code(error.orig) or _sqlstate(error.orig)
    if code in ("SQLITE_FULL", "53100"):
        return ResourceError("disk_full", f"no room for {where}: free some space and start again")
    if code in ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "25P03", "40P01"):
        return _busy(where)
    if code in ("SQLITE_READONLY", "25006"):
        return StoreError("database_read_only", f"{where} cannot be written: change its permissions")
    if code == "SQLITE_CANTOPEN" or code[:2] in ("08", "57") or not code:
        return StoreError(
            "database_unreachable", f"{where} does not answer: start it, or correct the address"
        )
    reason = " ".join(str(error.orig).split())
    return StoreError("database_failed", f"{where} refused ({code}): {reason}")


def _busy(where: str) -> StoreError:
    return StoreError("database_busy", f"{where} was busy for {BUSY_S} s: try again, or end what holds it")


def _sqlite_code(error: Any) -> str:
    # Extended codes (SQLITE_IOERR_WRITE, SQLITE_BUSY_RECOVERY) begin with the basic one.
    name = getattr(error, "sqlite_errorname", "")
    return "_".join(name.split("_")[:2])


def _sqlstate(error: Any) -> str:
    return getattr(error, "sqlstate", None) or ""
