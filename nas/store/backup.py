"""Backups: all that lasts of an installation in one file, made while servers and workers go on.

The database is copied first, as it is at one moment. Whatever it names was put into the artifact store
before, and artifacts do not change: so what is copied afterwards is what the database was written for
([0015](../../docs/decisions/0015-a-backup-is-one-file.md)).
"""

import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from nas.ports import Artifacts
from nas.settings import Settings
from nas.store.artifacts import open_artifacts
from nas.store.backup_file import (
    CERTIFICATE,
    DATABASE,
    FORMAT,
    BackupWriter,
    Manifest,
    Step,
    artifact_name,
    new_backup,
)
from nas.store.references import named_artifacts
from nas.store.schema import newest_version, version_of
from nas.store.session import open_engine, reading
from search_spaces.atomic import room, sync_folder
from search_spaces.errors import ArtifactError, ResourceError, StoreError, UsageError

_PAGES: Final = 4_096
"""Of the database, between two looks at how far it is."""
_WRITTEN: Final = "backup"


@dataclass(frozen=True)
class _Copied:
    """A database at one moment.

    Attributes:
        named: Artifacts that it names.
    """

    schema_version: str
    named: tuple[str, ...]


def write_backup(settings: Settings, file: Path, step: Step) -> Manifest:
    """Write a backup; return what is in it.

    Artifacts that are damaged or missing are left out and named: the rest is worth having.

    Args:
        settings: Where things are kept.
        file: Must not be there; its folder is made. Nobody but the user may read it.
        step: Told how far it is.

    Raises:
        UsageError: `nothing_to_back_up`, `needs_pg_dump` or `file_exists`.
        StoreError: `database_newer`, or the database cannot be read.
        ResourceError: `disk_full`; nothing is left behind.
    """
    engine = _open(settings)
    try:
        if file.exists():
            raise UsageError("file_exists", f"{file} is there already: choose another name")
        with room(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
                manifest = _write(settings, engine, Path(folder), step)
                (Path(folder) / _WRITTEN).rename(file)
            sync_folder(file.parent)
    finally:
        engine.dispose()
    return manifest


def _open(settings: Settings) -> Engine:
    """Return the engine of a database that is there.

    Raises:
        UsageError: `nothing_to_back_up`, `needs_pg_dump` or `invalid_database_url`.
    """
    if settings.database_url.startswith("postgresql"):
        raise UsageError(
            "needs_pg_dump",
            "the database is PostgreSQL, which has a tool of its own: run `pg_dump`, then copy what "
            "HWNAS_ARTIFACT_URL names, in this order",
        )
    path = Path(settings.database_url.removeprefix("sqlite:///"))
    if settings.database_url.startswith("sqlite:///") and not path.is_file():
        raise UsageError(
            "nothing_to_back_up",
            f"there is no database {path}: set HWNAS_HOME to the home that is to be backed up",
        )
    return open_engine(settings.database_url)


def _write(settings: Settings, engine: Engine, folder: Path, step: Step) -> Manifest:
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    copied = _copy_database(engine, folder / DATABASE, step)
    artifacts = open_artifacts(settings.artifact_url, settings.artifact_cache)
    with new_backup(folder / _WRITTEN) as writer:
        writer.add(DATABASE, folder / DATABASE)
        for name in CERTIFICATE:
            if (settings.home / name).is_file():
                writer.add(name, settings.home / name)
        gone, damaged = _add_artifacts(writer, artifacts, copied.named, step)
        manifest = Manifest(
            format=FORMAT,
            hwnas=version("hwnas"),
            schema_version=copied.schema_version,
            created_at=created_at,
            members=tuple(writer.members),
            missing=_still_named(engine, gone) if gone else (),
            damaged=damaged,
        )
        writer.finish(manifest)
    return manifest


def _copy_database(engine: Engine, path: Path, step: Step) -> _Copied:
    """Copy a SQLite database as one transaction sees it.

    Raises:
        UsageError: `nothing_to_back_up` where hwnas has never written to it.
        StoreError: `database_newer` or `database_failed`.
        ResourceError: `disk_full`.
    """
    with reading(engine) as connection:
        found = version_of(connection)
        if not found:
            raise UsageError("nothing_to_back_up", f"{engine.url.database} is no database of hwnas")
        try:
            _copy_pages(connection, path, step)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise ResourceError(
                    "disk_full", f"no room for {path.parent}: free some space and start again"
                ) from error
            raise StoreError("database_failed", f"{engine.url.database} cannot be copied: {error}") from error
        # An older schema may lack columns; a backup does not upgrade what it copies.
        named = named_artifacts(connection) if found == newest_version() else ()
    return _Copied(found, named)


def _copy_pages(connection: Connection, path: Path, step: Step) -> None:
    """Copy by SQLite's own backup, within a transaction that has begun to read: one state, however long."""
    source = connection.connection.driver_connection
    assert isinstance(source, sqlite3.Connection)

    def told(status: int, remaining: int, total: int) -> None:
        step("database", total - remaining, total)

    with closing(sqlite3.connect(path)) as target:
        source.backup(target, pages=_PAGES, progress=told)
        (found,) = target.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"it is damaged ({found}); restore it from an earlier backup")


def _add_artifacts(
    writer: BackupWriter, artifacts: Artifacts, named: tuple[str, ...], step: Step
) -> tuple[set[str], tuple[str, ...]]:
    """Add all that the store has, what is named first; return what is named and gone, and what is damaged."""
    stored = artifacts.digests()
    ordered = [*(one for one in named if one in stored), *sorted(stored.difference(named))]
    gone, damaged = set(named) - stored, list[str]()
    for number, digest in enumerate(ordered):
        step("files", number, len(ordered))
        try:
            path = artifacts.local_path(digest)
        except ArtifactError as error:
            if error.code == "artifact_missing":
                gone.update({digest}.intersection(named))
            else:
                damaged.append(digest)
            continue
        writer.add(artifact_name(digest), path)
    step("files", len(ordered), len(ordered))
    return gone, tuple(damaged)


def _still_named(engine: Engine, gone: set[str]) -> tuple[str, ...]:
    """Return what the database names still: the rest, old checkpoints, was removed as it should be."""
    with reading(engine) as connection:
        return tuple(one for one in named_artifacts(connection) if one in gone)
