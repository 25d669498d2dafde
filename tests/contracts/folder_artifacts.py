"""Artifacts as files in a folder: the least that tasks need."""

import hashlib
from pathlib import Path

from search_spaces.atomic import write_atomically
from search_spaces.errors import ArtifactError


class FolderArtifacts:
    """Files named by their digest.

    Args:
        folder: Of the files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        write_atomically(self.folder / digest, content)
        return digest

    def put_file(self, path: Path) -> str:
        return self.put(path.read_bytes())

    def get(self, digest: str) -> bytes:
        if not self.has(digest):
            raise ArtifactError("artifact_missing", f"there is no {digest}")
        content = (self.folder / digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ArtifactError("artifact_damaged", f"{digest} is not what was written")
        return content

    def local_path(self, digest: str, suffix: str = "") -> Path:
        path = self.folder / f"local-{digest}{suffix}"
        write_atomically(path, self.get(digest))
        return path

    def has(self, digest: str) -> bool:
        return (self.folder / digest).is_file()

    def remove(self, digest: str) -> None:
        (self.folder / digest).unlink(missing_ok=True)

    def digests(self) -> set[str]:
        """What is kept."""
        return {path.name for path in self.folder.iterdir() if len(path.name) == 64}

    def damage(self, digest: str) -> None:
        """Change one byte."""
        content = bytearray((self.folder / digest).read_bytes())
        content[len(content) // 2] ^= 1
        (self.folder / digest).write_bytes(content)
