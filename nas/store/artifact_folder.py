"""Artifacts in a folder: files named by the SHA-256 of their content, whole or absent.

artifacts/
├── 3f/3fa9...             content
├── 3f/3fa9....onnx        a link to it, for readers that go by suffix
└── .incoming/...          what is being written; its writer holds a lock on it, so the rest is swept
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, final

from search_spaces.atomic import room, sync_folder
from search_spaces.errors import ArtifactError


@final
class ArtifactFolder:
    """The default store: one folder, on one file system.

    Args:
        root: Made where it is absent. What killed writers left there is removed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        with room(root):
            self._incoming.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def put(self, content: bytes) -> str:
        """Keep content; return its SHA-256. It is durable when this returns; the same content is kept once.

        Raises:
            ResourceError: `disk_full`; nothing is left behind.
        """
        digest = hashlib.sha256(content).hexdigest()
        if not self._sound(digest):
            with self._written() as (path, stream):
                stream.write(content)
                self._publish(path, stream, digest)
        return digest

    def put_file(self, path: Path) -> str:
        """Keep a file's content likewise."""
        digest = sha256_of(path)
        if self._sound(digest):
            return digest
        with self._written() as (temporary, stream), path.open("rb") as source:
            shutil.copyfileobj(source, stream)
            stream.flush()
            digest = sha256_of(temporary)  # of what was copied, whoever has changed the file meanwhile
            self._publish(temporary, stream, digest)
        return digest

    def get(self, digest: str) -> bytes:
        """Return verified content.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """
        try:
            content = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise missing(digest) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged(digest)
        return content

    def local_path(self, digest: str, suffix: str = "") -> Path:
        """Return a verified file with the content, whose name ends in `suffix`; it is not to be changed.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """
        path = self._path(digest)
        if not path.exists():
            raise missing(digest)
        if sha256_of(path) != digest:
            raise damaged(digest)
        if not suffix:
            return path
        named = path.with_name(digest + suffix)
        with room(named):
            if named.exists() and not named.is_symlink():
                named.unlink()  # a copy, as some tools make of a link: nobody has looked at what is in it
            with contextlib.suppress(FileExistsError):
                named.symlink_to(digest)
        return named

    def has(self, digest: str) -> bool:
        """Return whether content is there (not whether it is sound)."""
        return self._path(digest).exists()

    def digests(self) -> set[str]:
        """Return the digests of all content (not whether it is sound)."""
        return {path.name for path in self._root.glob("??/*") if is_digest(path.name)}

    def remove(self, digest: str) -> None:
        """Remove content, if it is there."""
        path = self._path(digest)
        for named in path.parent.glob(f"{digest}*"):
            named.unlink(missing_ok=True)

    @property
    def _incoming(self) -> Path:
        return self._root / ".incoming"

    def _path(self, digest: str) -> Path:
        check_digest(digest)
        return self._root / digest[:2] / digest

    def _sound(self, digest: str) -> bool:
        """Return whether content is there and intact: what is damaged is written anew."""
        path = self._path(digest)
        return path.exists() and sha256_of(path) == digest

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """Yield a new, empty file for somebody else to write into; it is gone afterwards."""
        with self._written() as (path, _):
            yield path

    @contextmanager
    def _written(self) -> Iterator[tuple[Path, BinaryIO]]:
        """Yield a new file that is removed at the end, unless it has been moved to its place by then."""
        with room(self._root):
            path, stream = self._new()
        try:
            with room(path), stream:
                yield path, stream
        finally:
            path.unlink(missing_ok=True)

    def _new(self) -> tuple[Path, BinaryIO]:
        while True:
            path = self._incoming / secrets.token_hex(12)
            stream = path.open("xb")
            # Released by the kernel however this process ends: what has no lock is nobody's.
            fcntl.flock(stream, fcntl.LOCK_EX)
            if path.exists():
                return path, stream
            stream.close()  # swept before it was locked

    def _publish(self, path: Path, stream: BinaryIO, digest: str) -> None:
        stream.flush()
        os.fsync(stream.fileno())
        os.fchmod(stream.fileno(), 0o444)
        final_path = self._path(digest)
        if not final_path.parent.exists():
            final_path.parent.mkdir(exist_ok=True)
            sync_folder(self._root)
        path.replace(final_path)
        sync_folder(final_path.parent)

    def _sweep(self) -> None:
        for path in self._incoming.iterdir():
            with contextlib.suppress(FileNotFoundError):  # its writer has just published it
                _remove_abandoned(path)


def check_digest(digest: str) -> None:
    """Refuse what is no SHA-256: digests become parts of paths.

    Raises:
        ArtifactError: `artifact_missing`.
    """
    if not is_digest(digest):
        raise missing(digest)


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in hex, as artifacts are named by."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def missing(digest: str) -> ArtifactError:
    """Return the error of content that is not there."""
    return ArtifactError(
        "artifact_missing",
        f"artifact {digest[:12]!r} is not in the store: check that HWNAS_ARTIFACT_URL is the store that "
        "it was put into, or restore it from a backup",
    )


def damaged(digest: str) -> ArtifactError:
    """Return the error of content that is not what was put."""
    return ArtifactError(
        "artifact_damaged",
        f"artifact {digest[:12]} is damaged: restore it from a backup, or have it made again",
    )


def _remove_abandoned(path: Path) -> None:
    with path.open("rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # its writer is at work
        path.unlink(missing_ok=True)
