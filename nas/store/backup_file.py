"""The file that a backup is: a zip without compression, whose manifest says what is in it.

backup.json               the manifest
hwnas.db                  the database, a SQLite file
artifacts/3f/3fa9...      artifacts, as they lie in their folder
tls/certificate.pem       what boards have paired with, where there is one; with its key

What is written here is what a home consists of, so that `unzip` alone gets single files out of it.
"""

import errno
import hashlib
import os
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, Self, final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from search_spaces.errors import ArtifactError, UsageError

Step = Callable[[str, float, float], None]
"""Told that so much of a phase is done, of how much."""

FORMAT: Final = 1
DATABASE: Final = "hwnas.db"
ARTIFACTS: Final = "artifacts"
CERTIFICATE: Final = ("tls/certificate.pem", "tls/key.pem")

_MANIFEST: Final = "backup.json"
_MAX_MANIFEST_BYTES: Final = 256 * 2**20
_BLOCK: Final = 2**20
_BROKEN: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    KeyError,
    ValueError,
    EOFError,
    OverflowError,
    OSError,
)
"""What archives raise: cut off, changed, packed in a way that is not ours, without a manifest that is one."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Member(_Model):
    """A file of a backup.

    Attributes:
        name: Its place in a home.
        num_bytes: Its size.
    """

    name: str
    num_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _is_of_a_home(self) -> Self:
        if self.name not in (DATABASE, *CERTIFICATE, artifact_name(self.sha256)):
            raise ValueError(f"{self.name[:80]!r} is no file of a home")
        return self


class Manifest(_Model):
    """What is in a backup.

    Attributes:
        format: Of the file.
        hwnas: The version that made it.
        schema_version: Of the database.
        created_at: When it was begun, UTC.
        missing: Digests of artifacts that the database names and the store had not.
        damaged: Digests of artifacts that were not what was put into the store.
    """

    format: int = Field(ge=1)
    hwnas: str
    schema_version: str
    created_at: str
    members: tuple[Member, ...]
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def num_bytes(self) -> int:
        """Of all files."""
        return sum(member.num_bytes for member in self.members)

    @property
    def num_artifacts(self) -> int:
        """Files of the artifact store."""
        return sum(is_artifact(member) for member in self.members)


class _Versioned(BaseModel):
    """What is read of a manifest before it is known which format it is of."""

    format: int
    hwnas: str


def artifact_name(digest: str) -> str:
    """Return the name of an artifact in a backup: its place in a home."""
    return f"{ARTIFACTS}/{digest[:2]}/{digest}"


def is_artifact(member: Member) -> bool:
    """Whether a file is one of the artifact store."""
    return member.name.startswith(f"{ARTIFACTS}/")


@final
class BackupWriter:
    """A backup that is being written.

    Attributes:
        members: What is in it so far.
    """

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._zip = archive
        self.members: list[Member] = []

    def add(self, name: str, path: Path) -> None:
        """Add the content of a file."""
        with path.open("rb") as source, self._zip.open(_info(name), "w", force_zip64=True) as target:
            num_bytes, sha256 = _copied(source, target)
        self.members.append(Member(name=name, num_bytes=num_bytes, sha256=sha256))

    def finish(self, manifest: Manifest) -> None:
        """Say what is in it."""
        self._zip.writestr(_info(_MANIFEST), manifest.model_dump_json(indent=1))


@contextmanager
def new_backup(path: Path) -> Iterator[BackupWriter]:
    """Write a backup into a new file, which nobody else may read; it is on the disk at the end."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            yield BackupWriter(archive)
        stream.flush()
        os.fsync(descriptor)


@final
class BackupReader:
    """A backup whose manifest and directory are those of one.

    Attributes:
        manifest: What is in it.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._path = path
        self._zip = archive
        content = _read_manifest(archive)
        _check_format(_Versioned.model_validate_json(content))
        self.manifest = Manifest.model_validate_json(content)
        _check_directory(archive, self.manifest)
        if self.manifest.num_bytes > path.stat().st_size:
            raise ValueError("its files lie in one another")

    def place(self, member: Member, folder: Path) -> None:
        """Write a file to its place in a folder; it is on the disk then.

        Raises:
            ArtifactError: `damaged_backup` where its content is not what the manifest says.
        """
        path = folder / member.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as target, _said_of(self._path):
            with self._zip.open(member.name) as source:
                found = _copied(source, target)
            if found != (member.num_bytes, member.sha256):
                raise ValueError(f"{member.name} is not what was put in")
            target.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, _mode(member.name))


@contextmanager
def opened_backup(path: Path) -> Iterator[BackupReader]:
    """Open a backup.

    Raises:
        UsageError: `no_such_file`, or `backup_newer` where it was made by a program that is newer.
        ArtifactError: `damaged_backup`.
    """
    if not path.is_file():
        raise UsageError("no_such_file", f"there is no file {path}")
    with path.open("rb") as stream:
        with _said_of(path):
            reader = BackupReader(zipfile.ZipFile(stream), path)
        yield reader


@contextmanager
def _said_of(path: Path) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # it is the disk's, not the archive's, which only leads to places that are none
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise ArtifactError(
            "damaged_backup",
            f"{path} is no backup, or damaged ({' '.join(reason.split())[:200]}): nothing was restored; copy "
            "it again, or take another",
        ) from error


def _read_manifest(archive: zipfile.ZipFile) -> bytes:
    if archive.getinfo(_MANIFEST).file_size > _MAX_MANIFEST_BYTES:
        raise ValueError("its manifest is too large")
    return archive.read(_MANIFEST)


def _check_format(written: _Versioned) -> None:
    if written.format > FORMAT:
        raise UsageError(
            "backup_newer",
            f"the backup is of format {written.format}, this program knows {FORMAT}: install hwnas "
            f"{written.hwnas[:40]}, which made it",
        )


def _check_directory(archive: zipfile.ZipFile, manifest: Manifest) -> None:
    """Refuse what has other files than its manifest names, or other than plain ones of their sizes.

    Files without compression take as much room as they have bytes: no small file unpacks to a large one.
    """
    infos = {info.orig_filename: info for info in archive.infolist()}
    sizes = {member.name: member.num_bytes for member in manifest.members}
    names = sorted([_MANIFEST, *(member.name for member in manifest.members)])
    if names != sorted(info.orig_filename for info in archive.infolist()) or len(names) != len(infos):
        raise ValueError("it has other files than its manifest names")
    if DATABASE not in sizes:
        raise ValueError("it has no database")
    for name, info in infos.items():
        kind = stat.S_IFMT(info.external_attr >> 16)
        plain = kind == stat.S_IFREG and info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
        size = sizes.get(name, info.file_size)
        if not plain or not info.file_size == info.compress_size == size:
            raise ValueError(f"{name} is not as its manifest says")


def _copied(source: IO[bytes], target: IO[bytes]) -> tuple[int, str]:
    """Copy a stream; return its size in bytes and its SHA-256."""
    num_bytes, sha256 = 0, hashlib.sha256()
    while block := source.read(_BLOCK):
        num_bytes += target.write(block)
        sha256.update(block)
    return num_bytes, sha256.hexdigest()


def _mode(name: str) -> int:
    # Artifacts are not to be changed, as in their folder; the rest is nobody else's to read.
    return 0o444 if PurePosixPath(name).parts[0] == ARTIFACTS else 0o600


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFREG | _mode(name)) << 16  # for whoever unpacks it by `unzip`
    return info
