"""The folder of an agent: who it is, files to measure, and what was measured but not delivered yet.

Whatever stands in the journal survives a reboot: it is written to the disk before it is sent, and removed
once the service has it.
"""

import errno
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, final

from pydantic import Field, ValidationError

from latency_predictors.agent_protocol import Score, Trouble
from latency_predictors.device import ExecutionContext
from latency_predictors.protocol import SessionResult, WireModel
from latency_predictors.wire_types import Identifier
from search_spaces.atomic import write_atomically
from search_spaces.errors import ArtifactError, ResourceError, UsageError

CACHE_BYTES: Final = 512 * 2**20
"""Room for files to measure, by default."""

MOST_BEFORE: Final = 16
"""Identifiers of earlier starts that are kept at most."""

_INSTANCE: Final = re.compile(r"[0-9a-f]{32}")


class Entry(WireModel):
    """Something to be delivered.

    Attributes:
        lease: Under which it was measured, and
        attempt: its number.
    """

    lease: Identifier
    attempt: int
    session: SessionResult | None = None
    trouble: Trouble | None = None
    score: Score | None = None
    context: ExecutionContext | None = None


class KnownServer(WireModel):
    """A service that the board has paired with."""

    url: str
    key: str = Field(repr=False)
    fingerprint: str


@contextmanager
def disk_told(otherwise: str = "look at its disk and its permissions") -> Iterator[None]:
    """Have what the system refuses told as an error of ours.

    Args:
        otherwise: What to do where it is not for want of room.

    Raises:
        ResourceError: `disk_full`; `not_writable` where it is not for want of room: a card that has become
            read-only, for example.
    """
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads any more what is said: that is not the disk's doing
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError("disk_full", f"no room on the board ({error}): free some space") from error
        raise ResourceError("not_writable", f"the board's system refuses ({error}): {otherwise}") from error


@final
class AgentHome:
    """Opened by one agent at a time.

    Args:
        folder: Made if it is not there.
        cache_bytes: Room for files to measure.

    Raises:
        UsageError: `agent_running` where another agent works in it.
        ResourceError: `disk_full` or `not_writable`.
    """

    def __init__(self, folder: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.folder = folder
        self.cache_bytes = cache_bytes
        self._files, self._journal = folder / "files", folder / "journal"
        self._server, self._instances = folder / "server.json", folder / "instance"
        self._passed_over: set[Path] = set()
        with disk_told(f"make {folder} writable for this user, or choose another folder with --home"):
            self._open()

    def _open(self) -> None:
        """Make the folder where it is not there, and keep others out of it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in (self._files, self._journal):
            one.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "agent.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise UsageError(
                "agent_running",
                f"an agent works in {self.folder} already: end it, or give this one another --home",
            ) from error
        self.before = self._read_instances()
        self.instance = self.before[0]
        for left in self._files.glob("*.part"):
            left.unlink()

    def begin(self) -> None:
        """Take another identifier for this start: whoever works in a copy of the folder has another one.

        Those before are kept until `begun`: what of them the service has heard is not known for sure.

        Raises:
            ResourceError: `disk_full` or `not_writable`; the agent goes on under the identifier before.
        """
        new = secrets.token_hex(16)
        self.before = (self.before[0], *self.before[1:][2 - MOST_BEFORE :])
        with disk_told():
            write_atomically(self._instances, "\n".join((*self.before, new)).encode())
        self.instance = new

    def begun(self) -> None:
        """Take in that the service knows the board by its new identifier.

        Raises:
            ResourceError: `disk_full` or `not_writable`.
        """
        with disk_told():
            write_atomically(self._instances, self.instance.encode())

    def pair(self, server: KnownServer) -> None:
        """Keep how the service is known, for the user alone.

        Raises:
            ResourceError: `disk_full` or `not_writable`.
        """
        with disk_told():
            write_atomically(self._server, server.model_dump_json().encode())
            self._server.chmod(0o600)

    def paired(self) -> KnownServer | None:
        """Return the service that the board has paired with, None where there is none.

        Raises:
            ArtifactError: `damaged_file`.
            ResourceError: `not_writable`.
        """
        if not self._server.is_file():
            return None
        try:
            with disk_told():
                return KnownServer.model_validate_json(self._server.read_bytes())
        except ValidationError as error:
            raise ArtifactError("damaged_file", f"{self._server} cannot be read: pair again") from error

    def close(self) -> None:
        """Let another agent work here."""
        self._lock.close()

    def remember(self, entry: Entry) -> Path:
        """Keep something until it is delivered; it is on the disk when this returns.

        Raises:
            ResourceError: `disk_full` or `not_writable`.
        """
        with disk_told():
            number = max((int(path.stem) for path in self._journal.glob("*.json")), default=0) + 1
            path = self._journal / f"{number:08}.json"
            write_atomically(path, entry.model_dump_json().encode())
        self._passed_over.discard(path)  # the file of that name before is gone
        return path

    def remembered(self, say: Callable[[str], object]) -> Iterator[tuple[Path, Entry]]:
        """Yield what is to be delivered, the oldest first; what cannot be read is put aside.

        Args:
            say: Told of each that is put aside, in a line.

        Raises:
            ResourceError: `not_writable` where the folder cannot be read.
        """
        for path in self._to_deliver():
            try:
                with disk_told():
                    entry = Entry.model_validate_json(path.read_bytes())
            except (ValidationError, ResourceError):
                say(f"error[damaged_file]: {path} cannot be read: {self._aside(path)}, measured again")
                continue
            yield path, entry

    def forget(self, path: Path) -> None:
        """Remove what was delivered; where that is refused it is passed over until the agent starts again.

        Raises:
            ResourceError: `not_writable`.
        """
        self._passed_over.add(path)
        with disk_told():
            path.unlink(missing_ok=True)
        self._passed_over.remove(path)

    @property
    def num_remembered(self) -> int:
        """How much is to be delivered.

        Raises:
            ResourceError: `not_writable` where the folder cannot be read.
        """
        return len(self._to_deliver())

    def _to_deliver(self) -> list[Path]:
        with disk_told():
            return [path for path in sorted(self._journal.glob("*.json")) if path not in self._passed_over]

    def _aside(self, path: Path) -> str:
        """Put a file aside; return what has become of it."""
        aside = path.with_name(f"{path.stem}-{secrets.token_hex(4)}.damaged")
        try:
            with disk_told():
                path.rename(aside)
        except ResourceError as error:
            self._passed_over.add(path)
            return f"passed over ({error.code})"
        return f"kept as {aside.name}"

    def file(
        self, digest: str, suffix: str, fetch: Callable[[BinaryIO], str], keep: Collection[str] = ()
    ) -> Path:
        """Return a file with a digest, fetched if it is not there; what it holds was checked just now.

        Args:
            digest: SHA-256.
            suffix: Of its name.
            fetch: Writes its content, and returns the SHA-256 of that.
            keep: Digests of files that are needed as well: others make room.

        Raises:
            ArtifactError: `download_damaged` where something else comes.
            ResourceError: `disk_full` or `not_writable`.
        """
        path = self._files / f"{digest}{suffix}"
        with disk_told():
            if path.is_file() and _digest_of(path) == digest:
                os.utime(path)
                return path
            self._make_room({digest, *keep})
            part = self._files / f"{digest}.part"
            try:
                with part.open("wb") as into:
                    came = fetch(into)
                    into.flush()
                    os.fsync(into.fileno())
                if came != digest:
                    said = f"file {digest[:12]} came as {came[:12]}: it was not run"
                    raise ArtifactError("download_damaged", said)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return path

    def _make_room(self, keep: Collection[str]) -> None:
        """Remove the files that were needed longest ago, until half of the room is free."""
        files = sorted(self._files.iterdir(), key=lambda path: path.stat().st_mtime)
        used = sum(path.stat().st_size for path in files)
        for path in files:
            if used <= self.cache_bytes // 2:
                return
            if path.stem not in keep:
                used -= path.stat().st_size
                path.unlink()

    def _read_instances(self) -> tuple[str, ...]:
        """Return the identifiers that the service may know the board by, the surest first."""
        path = self._instances
        known = path.read_text(encoding="ascii", errors="replace").split() if path.is_file() else []
        if not known or not all(map(_INSTANCE.fullmatch, known)):
            known = [secrets.token_hex(16)]
            write_atomically(path, known[0].encode())
        return tuple(known[:MOST_BEFORE])


def _digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, which may be larger than the memory of a board."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
