"""Restoring a backup: a home appears with all that is in it, checked, or not at all."""

import errno
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nas.settings import Settings
from nas.store.backup_file import ARTIFACTS, DATABASE, BackupReader, Manifest, Step, opened_backup
from nas.store.schema import schema_version, upgrade
from nas.store.session import open_engine
from search_spaces.atomic import room, sync_folder
from search_spaces.errors import ArtifactError, ResourceError, UsageError

_TAKEN: Final = (errno.ENOTEMPTY, errno.EEXIST, errno.EBUSY, errno.EXDEV)


@dataclass(frozen=True)
class Restored:
    """A home that was restored.

    Attributes:
        upgraded: Whether its schema was older than this program's.
    """

    home: Path
    manifest: Manifest
    upgraded: bool


def restore_backup(settings: Settings, file: Path, step: Step) -> Restored:
    """Make a home of a backup.

    Everything is written and checked in a folder beside the home, which takes its place at the end.

    Args:
        settings: Name the home: it must not be there, or be empty.
        file: The backup.
        step: Told how far it is.

    Raises:
        UsageError: `stores_elsewhere`, `home_not_empty`, `no_such_file` or `backup_newer`.
        ArtifactError: `damaged_backup`.
        StoreError: `database_newer`.
        ResourceError: `disk_full`. Nothing is left behind, whatever it is.
    """
    home = _empty_home(settings)
    with opened_backup(file) as backup, room(home):
        home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_room(backup.manifest, home)
        with tempfile.TemporaryDirectory(prefix=f".{home.name}.", dir=home.parent) as scratch:
            folder = Path(scratch) / "home"
            folder.mkdir(mode=0o700)
            _place(backup, folder, step)
            upgraded = _upgrade(backup.manifest, folder, file)
            for made in (*(path for path in folder.rglob("*") if path.is_dir()), folder):
                sync_folder(made)
            _take_place(folder, home)
        sync_folder(home.parent)
    return Restored(home, backup.manifest, upgraded)


def _empty_home(settings: Settings) -> Path:
    """Return where the home is to be.

    Raises:
        UsageError: `stores_elsewhere` or `home_not_empty`.
    """
    home = settings.home.resolve()
    here = (f"sqlite:///{settings.home}/{DATABASE}", str(settings.home / ARTIFACTS))
    if (settings.database_url, settings.artifact_url) != here:
        raise UsageError(
            "stores_elsewhere",
            "HWNAS_DATABASE_URL or HWNAS_ARTIFACT_URL is set: a backup is restored into HWNAS_HOME; unset "
            "both, and move what is restored afterwards",
        )
    if home.exists() and (not home.is_dir() or home.is_mount() or any(home.iterdir())):
        raise _not_empty(home)
    return home


def _not_empty(home: Path) -> UsageError:
    return UsageError(
        "home_not_empty",
        f"{home} is in use: set HWNAS_HOME to a folder that is not there yet (on a volume, to one in it)",
    )


def _check_room(manifest: Manifest, home: Path) -> None:
    free = shutil.disk_usage(home.parent).free
    if manifest.num_bytes > free:
        raise ResourceError(
            "disk_full",
            f"no room for {home}: the backup has {manifest.num_bytes / 1e6:.0f} MB, {free / 1e6:.0f} MB are "
            "free; free some space and start again",
        )


def _place(backup: BackupReader, folder: Path, step: Step) -> None:
    done, total = 0, backup.manifest.num_bytes
    for member in backup.manifest.members:
        step("restore", done, total)
        backup.place(member, folder)
        done += member.num_bytes
    step("restore", total, total)


def _upgrade(manifest: Manifest, folder: Path, file: Path) -> bool:
    """Bring the schema up to date; return whether there was anything to do."""
    engine = open_engine(f"sqlite:///{folder}/{DATABASE}")
    try:
        if schema_version(engine) != manifest.schema_version:
            raise ArtifactError(
                "damaged_backup",
                f"{file} is no backup: its database has another schema than its manifest says; take another",
            )
        return upgrade(engine)
    finally:
        engine.dispose()


def _take_place(folder: Path, home: Path) -> None:
    try:
        folder.rename(home)  # an empty folder there is replaced, in one step
    except OSError as error:
        if error.errno in _TAKEN:
            raise _not_empty(home) from error
        raise
