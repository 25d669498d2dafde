"""Files from the service: written beside, checked against the digest that it states, then put in place."""

import base64
import hashlib
import os
import tempfile
from pathlib import Path

from api.connection import Connection
from search_spaces.errors import ArtifactError


def fetch(line: Connection, path: str, out: str | Path, name: str) -> Path:
    """Fetch a file, again from its start where the line is cut.

    Args:
        line: To the service.
        path: Of the file there.
        out: The file to write, replaced where it exists; or a folder.
        name: Of the file in such a folder.

    Returns:
        The file. It stands there whole and checked, or not at all.

    Raises:
        ArtifactError: `download_damaged`.
        HwnasError: What the service says; `server_unreachable`.
    """
    place = Path(out)
    place = place / name if place.is_dir() else place
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=".hwnas-", dir=place.parent)
    os.close(handle)
    try:
        line.again(lambda: _write(line, path, Path(part)))
        Path(part).chmod(0o644)
        Path(part).replace(place)
    finally:
        Path(part).unlink(missing_ok=True)
    return place


def _write(line: Connection, path: str, part: Path) -> None:
    digest = hashlib.sha256()
    with line.stream(path) as answer, part.open("wb") as file:
        for block in answer.iter_bytes():
            digest.update(block)
            file.write(block)
    stated = answer.headers.get("repr-digest")
    if stated != f"sha-256=:{base64.b64encode(digest.digest()).decode()}:":
        raise ArtifactError(
            "download_damaged", f"what came from {path} is not the file that the service has: fetch it again"
        )
