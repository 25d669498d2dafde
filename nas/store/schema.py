"""The schema's version: upgrading, and refusing what this program does not know.

A version is the number in the name of a migration's file, so that looking at one needs no Alembic, which
takes a tenth of a second to load: most processes find a schema that is the newest.
"""

import importlib
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from nas.store import access_tables, measurement_tables, model_tables
from nas.store.session import one_at_a_time, open_engine, reading, writing
from nas.store.tables import METADATA
from search_spaces.errors import StoreError

TABLES: Final = METADATA
"""All of them: importing this module has them declared."""

MODULES: Final = (access_tables, measurement_tables, model_tables)

_MIGRATIONS: Final = Path(__file__).parent / "migrations" / "versions"
_VERSION_TABLE: Final = "alembic_version"


def open_database(url: str) -> Engine:
    """Return the engine of a database whose schema this program knows.

    A SQLite file is upgraded at once: it belongs to one machine, whose processes come from one installation.
    PostgreSQL is not: whoever runs several replicas decides when.

    Raises:
        StoreError: `database_newer`; `database_outdated` for PostgreSQL; what `session.writing` raises.
        UsageError: `invalid_database_url`.
    """
    engine = open_engine(url)
    try:
        version = schema_version(engine)
        if version != newest_version():
            if engine.dialect.name != "sqlite":
                raise StoreError(
                    "database_outdated",
                    f"the database has schema {version or 'none'}, this program needs {newest_version()}: "
                    "run `hwnas db upgrade`",
                )
            upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def newest_version() -> str:
    """Return the version of the schema that this program works with."""
    return _versions()[-1]


def schema_version(engine: Engine) -> str:
    """Return the version of a database's schema, empty where it has none.

    Raises:
        StoreError: `database_newer`.
    """
    with reading(engine) as connection:
        return version_of(connection)


def upgrade(engine: Engine) -> bool:
    """Bring a database to the newest schema in one transaction; return whether there was anything to do.

    Killed half-way it has done nothing, and two processes that upgrade do it once.

    Raises:
        StoreError: `database_newer`; what `session.writing` raises.
    """
    with writing(engine) as connection:
        one_at_a_time(connection, "hwnas upgrade")
        if version_of(connection) == newest_version():
            return False
        importlib.import_module("nas.store.upgrading").migrate(connection)
        return True


def version_of(connection: Connection) -> str:
    """Return the version of a database's schema as a transaction sees it, empty where it has none.

    Raises:
        StoreError: `database_newer`.
    """
    if not inspect(connection).has_table(_VERSION_TABLE):
        return ""
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}")).scalar() or ""
    if found and found not in _versions():
        raise StoreError(
            "database_newer",
            f"the database has schema {found}, which is newer than {newest_version()} of this program: "
            "install the newer hwnas, or use another database",
        )
    return str(found)


@cache
def _versions() -> tuple[str, ...]:
    """Return all versions, oldest first."""
    return tuple(sorted(path.name[1:5] for path in _MIGRATIONS.glob("r[0-9][0-9][0-9][0-9]_*.py")))
