"""Backups as the user asks for them: written, restored, and what is to be known of them."""

from pathlib import Path

from rich.text import Text

from nas.report.numbers import BYTES, with_unit
from nas.results import Document
from nas.settings import Settings
from nas.store.backup import write_backup
from nas.store.restore import restore_backup
from workers.progress import shown_progress


class BackedUp(Document):
    """A backup that was written.

    Attributes:
        num_bytes: Of all that is in it.
        schema_version: Of the database.
        missing: Digests of artifacts that the database names and the store had not.
        damaged: Digests of artifacts that are not what was put into the store.
    """

    file: str
    num_artifacts: int
    num_bytes: int
    schema_version: str
    missing: tuple[str, ...]
    damaged: tuple[str, ...]

    @property
    def failed(self) -> bool:
        """Whether something is not in it that should be."""
        return bool(self.missing or self.damaged)

    def __rich__(self) -> Text:
        """Say what is in it, and what is not."""
        lines = [f"{self.file}: the database and {_files(self.num_artifacts, self.num_bytes)}"]
        lines += _lacking(self.missing, self.damaged)
        if self.failed:
            lines.append(
                "everything else is in it: have these from an earlier backup, or made again by a search"
            )
        return Text("\n".join(lines))


class RestoredHome(Document):
    """A home that was made of a backup.

    Attributes:
        created_at: When the backup was begun.
        version_before: Schema of the database in the backup.
        upgraded: Whether it is this program's by now.
        missing: Digests of artifacts that were missing when the backup was made.
        damaged: Digests of artifacts that were damaged then.
    """

    home: str
    created_at: str
    num_artifacts: int
    num_bytes: int
    version_before: str
    upgraded: bool
    missing: tuple[str, ...]
    damaged: tuple[str, ...]

    def __rich__(self) -> Text:
        """Say what is there, and how it goes on."""
        what = _files(self.num_artifacts, self.num_bytes)
        lines = [f"{self.home}: the database and {what}, as they were at {self.created_at}"]
        if self.upgraded:
            lines.append(f"its schema was {self.version_before} and is up to date now")
        lines += _lacking(self.missing, self.damaged)
        lines.append("`hwnas searches list` shows what is there, `hwnas worker` works on what is unfinished")
        return Text("\n".join(lines))


def back_up(settings: Settings, file: Path) -> BackedUp:
    """Write a backup.

    Raises:
        HwnasError: As `write_backup`.
    """
    file = file.expanduser()
    with shown_progress() as progress:
        made = write_backup(settings, file, progress.step)
    return BackedUp(
        file=str(file),
        num_artifacts=made.num_artifacts,
        num_bytes=made.num_bytes,
        schema_version=made.schema_version,
        missing=made.missing,
        damaged=made.damaged,
    )


def restore_home(settings: Settings, file: Path) -> RestoredHome:
    """Make a home of a backup.

    Raises:
        HwnasError: As `restore_backup`.
    """
    with shown_progress() as progress:
        restored = restore_backup(settings, file.expanduser(), progress.step)
    made = restored.manifest
    return RestoredHome(
        home=str(restored.home),
        created_at=made.created_at,
        num_artifacts=made.num_artifacts,
        num_bytes=made.num_bytes,
        version_before=made.schema_version,
        upgraded=restored.upgraded,
        missing=made.missing,
        damaged=made.damaged,
    )


def _files(num_artifacts: int, num_bytes: int) -> str:
    return f"{num_artifacts} files, {with_unit(num_bytes, BYTES)}"


def _lacking(missing: tuple[str, ...], damaged: tuple[str, ...]) -> list[str]:
    lines = [f"missing in the store, and here: {digest[:12]}" for digest in missing]
    return lines + [f"damaged in the store, and not here: {digest[:12]}" for digest in damaged]
