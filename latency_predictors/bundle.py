"""Work that is carried to a board without a network, and what comes back: two files.

There goes an archive with the work and its files, each named by its SHA-256; back comes one document, signed
with a key that was in the archive, so that nothing is taken which that archive was not answered with.
"""

import errno
import hashlib
import hmac
import zipfile
import zlib
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, Field, ValidationError

from latency_predictors.agent_protocol import BoardName, Registration, Score, Trouble, Work
from latency_predictors.bounds import LATENCY, Rules, beyond, beyond_rules, beyond_site
from latency_predictors.device import Device, ExecutionContext
from latency_predictors.json_faults import problem, short, sound_json
from latency_predictors.protocol import SessionResult, WireModel
from latency_predictors.unit import Unit
from latency_predictors.wire_types import Count, Digest, Identifier, UnitName
from search_spaces.atomic import write_atomically
from search_spaces.digests import canonical_json
from search_spaces.errors import ArtifactError, UsageError

VERSION: Final = 5
"""Of bundles. It is above `PROTOCOL`: an agent that does not know `Bundle.unit` asks to be updated."""

OLDEST: Final = 4
"""Of the bundles that are read: they name no unit."""

MAX_BYTES: Final = 512 * 2**20
"""Of a file in an archive, or of an answer."""

_TIMING: Final[Rules] = {
    "warm_up_runs": (0, 10**6),
    "warm_up_s": (0.0, 3_600.0),
    "warm_up_ceiling_s": (0.0, 3_600.0),
    "steady": (0.0, 1.0),
    "block_s": (0.0, 60.0),
    "min_blocks": (1, 10**6),
    "min_duration_s": (0.0, 86_400.0),
    "interval": (0.0, 1.0),
    "ceiling_s": (0.0, 86_400.0),
}
"""Bounds of how long files may be timed."""

_MANIFEST: Final = "bundle.json"
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What archives raise: cut off, changed, compressed in a way that is not ours, locked with a password."""


class Bundle(WireModel):
    """Work for one board.

    Attributes:
        protocol: Version of the models in it, `VERSION` where it is made now.
        id: Random, of this bundle.
        name: What specifications call the board.
        key: What the answer is signed with.
        device: As registered; None where the board was never heard of: it only introduces itself then.
        unit: Which of several equal boards it is; empty where nothing told it.
        works: Batches, in the order in which they are to be measured.
    """

    protocol: Count
    id: Identifier
    name: BoardName
    key: Annotated[str, Field(repr=False, pattern=r"^[0-9a-f]{64}$")]
    device: Device | None
    unit: UnitName = ""
    works: tuple[Work, ...]

    @property
    def digests(self) -> frozenset[str]:
        """Of the files that it needs."""
        images = {work.images for work in self.works if work.images}
        return frozenset(images.union(*(work.files.values() for work in self.works)))


class Outcome(WireModel):
    """What came of a batch: one of several.

    Attributes:
        work: Which batch, counted from 0.
        context: Of a score.
    """

    work: Count
    session: SessionResult | None = None
    trouble: Trouble | None = None
    score: Score | None = None
    context: ExecutionContext | None = None


class Answer(WireModel):
    """What a board made of a bundle, so far.

    Attributes:
        bundle: Which.
        told: What the board tells of itself.
        outcomes: In the order in which they came.
        finished: Batches that are done.
        signature: Of all of it, with the bundle's key.
    """

    bundle: Identifier
    told: Registration
    outcomes: tuple[Outcome, ...]
    finished: tuple[Count, ...]
    signature: Digest | None = None

    def signed(self, key: str) -> Self:
        """Return it with its signature."""
        return self.model_copy(update={"signature": self._mac(key)})

    def is_signed_with(self, key: str) -> bool:
        """Whether the signature is that of a key, over what stands there."""
        return self.signature is not None and hmac.compare_digest(self.signature, self._mac(key))

    def _mac(self, key: str) -> str:
        text = canonical_json(self.model_dump(mode="json", exclude={"signature"}))
        return hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()

    def save(self, path: Path) -> None:
        """Write it; the file is there whole or not at all.

        Raises:
            ResourceError: `disk_full`.
        """
        write_atomically(path, self.model_dump_json().encode())


class _Versioned(BaseModel):
    """What is read of a bundle before it is known which version it is of."""

    protocol: Count


def pack(bundle: Bundle, files: Mapping[str, Path], path: Path) -> None:
    """Write an archive.

    Args:
        bundle: The work.
        files: By their SHA-256.
        path: Must not be there.

    Raises:
        UsageError: `file_exists`.
    """
    try:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_MANIFEST, bundle.model_dump_json())
            for digest, file in sorted(files.items()):
                archive.write(file, _name(digest))
    except FileExistsError as error:
        raise UsageError("file_exists", f"{path} is there already: choose another name") from error


def unpack(path: Path, folder: Path) -> tuple[Bundle, dict[str, Path]]:
    """Read an archive into a folder; return the work and where its files are, by their SHA-256.

    Raises:
        UsageError: `no_such_file`; `agent_outdated` or `agent_newer` where it is of another version.
        ArtifactError: `damaged_bundle`; nothing of it may run.
    """
    if not path.is_file():
        raise UsageError("no_such_file", f"there is no file {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = sound_json(_read(archive, _MANIFEST))
            _check_version(_Versioned.model_validate(manifest).protocol)
            bundle = Bundle.model_validate(manifest)
            _check_work(bundle)
            files = {digest: _place(archive, digest, folder) for digest in sorted(bundle.digests)}
    except (*_BROKEN, KeyError, ValueError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # it is the disk's, not the archive's, which only leads to places that are none
        raise ArtifactError(
            "damaged_bundle", f"{path.name} is no bundle, or damaged ({_reason(error)}): make it again"
        ) from error
    return bundle, files


def read_answer(path: Path) -> Answer:
    """Read what a board made of a bundle.

    Raises:
        UsageError: `no_such_file`.
        ArtifactError: `damaged_bundle`.
    """
    if not path.is_file():
        raise UsageError("no_such_file", f"there is no file {path}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("too large")
        return Answer.model_validate(sound_json(path.read_bytes()))
    except ValueError as error:
        raise ArtifactError(
            "damaged_bundle",
            f"{path.name} is no answer to a bundle, or damaged ({_reason(error)}): copy it from the board "
            "again",
        ) from error


def check_board(told: Registration, name: str, known: Unit) -> None:
    """Refuse whoever is not the board that has a name: what it measures would pass for that one's.

    Args:
        told: By the machine that the bundle is worked on.
        name: That the bundle was made for.
        known: The board of that name, as registered.

    Raises:
        UsageError: `another_device`.
    """
    here = Unit(told.device, told.unit)
    if not here.may_be(known):
        raise UsageError(
            "another_device",
            f"the bundle is for '{name}', which is {known.label}, and {here.label} is another board: run it "
            f"on '{name}', or make one for the other board under a name of its own (`hwnas devices bundle "
            "NAME -o FILE`)",
        )


def _check_version(version: int) -> None:
    if version > VERSION:
        raise UsageError(
            "agent_outdated",
            f"the bundle is of version {version} of the protocol, the agent here of {VERSION}: "
            "`pipx upgrade hwnas` on the board, or `pip install --upgrade hwnas` in its environment",
        )
    if version < OLDEST:
        raise UsageError(
            "agent_newer",
            f"the bundle is of version {version} of the protocol, the agent here of {VERSION}: update the "
            "service, and make the bundle again",
        )


def _check_work(bundle: Bundle) -> None:
    """Refuse work that no service asks for: a board would be at it for ever, or fail in the midst of it.

    Raises:
        ValueError: What is wrong with it.
    """
    for number, work in enumerate(bundle.works):
        where = f"works.{number}."
        faults = chain(
            beyond_site(where, bundle.device, work.context),
            beyond_rules(f"{where}timing", work.timing, _TIMING),
            beyond(f"{where}reference_ms", work.reference_ms, LATENCY),
        )
        if fault := next(faults, ""):
            raise ValueError(fault)


def _reason(error: Exception) -> str:
    return problem(error) if isinstance(error, ValidationError) else short(str(error))


def _place(archive: zipfile.ZipFile, digest: str, folder: Path) -> Path:
    content = _read(archive, _name(digest))
    if hashlib.sha256(content).hexdigest() != digest:
        raise ValueError(f"file {digest[:12]} does not match its digest")
    path = folder / digest
    path.write_bytes(content)
    return path


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _name(digest: str) -> str:
    return f"files/{digest}"
