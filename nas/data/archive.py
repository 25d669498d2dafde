"""Zip files of strangers: looked through before anything of them is unpacked, and never unpacked to disk.

A member is read into memory when it is asked for, at most as many bytes as it said. What a member is called
decides its class and split and nothing else: no file is named after it.
"""

import stat
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, final

from search_spaces.errors import DataError

MAX_MEMBERS: Final = 200_000
MAX_DIRECTORY_BYTES: Final = 64 * 2**20
MAX_NAME_BYTES: Final = 1_024
MAX_DEPTH: Final = 20
MAX_UNPACKED_BYTES: Final = 16 * 2**30
MAX_RATIO: Final = 200
"""Unpacked over packed; images are packed already, and flat drawings take up to some tens."""
SMALL_BYTES: Final = 2**20
"""Below that the ratio says nothing: a file of zeros is no bomb."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MEMBER, _END, _END_64 = b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"
_END_BYTES, _ENDS_64_BYTES = 22, 76
_MAX_COMMENT: Final = 65_535

# What `zipfile` raises at damaged members: RuntimeError for one that is encrypted.
BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


@final
class Archive:
    """A zip file whose directory was looked through. Threads may read its members at a time.

    Attributes:
        identity: What it goes by on this machine.
        files: Names of all files, sorted.
        folders: Names of the folders that it lists, sorted.
    """

    def __init__(self, path: Path) -> None:
        """Look through the directory; reads no member.

        Raises:
            DataError: `broken_archive` where it is no zip; `unsafe_archive` where its directory is not that
                of an honest one: names that lead elsewhere or come twice, links, encryption, members that lie
                in one another; `oversized_archive` where it has or unpacks to more than anybody uploads.
        """
        try:
            _check_directory(path)
            self._zip = zipfile.ZipFile(path)
        except BROKEN as error:
            raise DataError("broken_archive", f"that is no complete zip file: {error}") from error
        everything = self._zip.infolist()
        members = [one for one in everything if not _is_folder(one)]
        _check_sizes(members)
        self._members: dict[PurePosixPath, zipfile.ZipInfo] = {}
        for member in members:
            name = _checked_name(member)
            if name in self._members:
                raise _unsafe("two members have one name", member)
            self._members[name] = member
        _check_apart(members)
        self.identity = f"archive {path.resolve()} {path.stat().st_size} {path.stat().st_mtime_ns}"
        self.files = tuple(sorted(self._members))
        self.folders = tuple(sorted(PurePosixPath(one.filename) for one in everything if _is_folder(one)))

    def stamp(self, name: PurePosixPath) -> tuple[int, int]:
        """Return the size of a member and the checksum that the directory has of it (CRC-32)."""
        member = self._members[name]
        return member.file_size, member.CRC

    def read(self, name: PurePosixPath, limit: int) -> bytes:
        """Return a member; more than `limit` bytes of it are not read.

        Raises:
            OSError: Where it is damaged, or larger than `limit` or than it said.
        """
        member = self._members[name]
        if member.file_size > limit:
            raise OSError(f"larger than {limit >> 20} MiB")
        try:
            with self._zip.open(member) as stream:
                return stream.read(limit + 1)
        except BROKEN as error:
            raise OSError(str(error) or "damaged") from error

    def close(self) -> None:
        """Close the file."""
        self._zip.close()


def _check_directory(path: Path) -> None:
    """Refuse a directory that is too large to be read: `zipfile` would read all of it, whatever it counts.

    Raises:
        DataError: `oversized_archive`.
        zipfile.BadZipFile: Where there is none.
    """
    with path.open("rb") as file:
        end, num_bytes = _end_of_directory(file)
        if num_bytes <= MAX_DIRECTORY_BYTES:
            # It lies right before its end; one of a large archive has two more records between.
            file.seek(max(end - num_bytes - _ENDS_64_BYTES, 0))
            num_members = file.read(num_bytes + _ENDS_64_BYTES).count(_MEMBER)
            if num_members <= MAX_MEMBERS:
                return
    raise DataError("oversized_archive", f"the archive has more than {MAX_MEMBERS} members: split it up")


def _end_of_directory(file: BinaryIO) -> tuple[int, int]:
    """Return where the directory ends and the bytes that it says to have, as `zipfile` finds them."""
    size = file.seek(0, 2)
    start = max(size - _END_BYTES - _MAX_COMMENT, 0)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise zipfile.BadZipFile("it has no directory")
    (num_bytes,) = struct.unpack_from("<I", tail, at + 12)
    file.seek(max(start + at - _ENDS_64_BYTES, 0))
    more = file.read(_ENDS_64_BYTES)
    if len(more) == _ENDS_64_BYTES and more.startswith(_END_64):
        (num_bytes,) = struct.unpack_from("<Q", more, 40)
    return start + at, num_bytes


def _check_sizes(members: list[zipfile.ZipInfo]) -> None:
    unpacked, packed = sum(one.file_size for one in members), sum(one.compress_size for one in members)
    if len(members) > MAX_MEMBERS:
        raise DataError(
            "oversized_archive", f"the archive has {len(members)} files: at most {MAX_MEMBERS} are taken"
        )
    if unpacked > MAX_UNPACKED_BYTES:
        raise DataError(
            "oversized_archive",
            f"it unpacks to {unpacked / 2**30:.1f} GiB: {MAX_UNPACKED_BYTES >> 30} at most are taken",
        )
    for what, large, small in (("the archive", unpacked, packed), *_each(members)):
        if large > SMALL_BYTES and large > MAX_RATIO * small:
            raise DataError(
                "oversized_archive",
                f"{what} unpacks to {large / max(small, 1):.0f} times its size: {MAX_RATIO} at most is taken",
            )


def _each(members: list[zipfile.ZipInfo]) -> list[tuple[str, int, int]]:
    return [("a file of the archive", one.file_size, one.compress_size) for one in members]


def _checked_name(member: zipfile.ZipInfo) -> PurePosixPath:
    name, mode = member.filename, member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise _unsafe("it holds a link or a device", member)
    if member.flag_bits & 0x1:
        raise _unsafe("it is encrypted", member)
    if member.compress_type not in _METHODS:
        raise _unsafe("it is packed otherwise than by deflate", member)
    # `zipfile` cuts a name at its first NUL and turns the host's separator round.
    parts = member.orig_filename.split("/")
    if name != member.orig_filename or "\\" in name or ":" in parts[0]:
        raise _unsafe("a name is none of a file", member)
    if any(part in ("", ".", "..") for part in parts) or any(ord(one) < 32 for one in name):
        raise _unsafe("a name leads elsewhere", member)
    if len(parts) > MAX_DEPTH or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        raise _unsafe("a name is too long", member)
    return PurePosixPath(name)


def _is_folder(member: zipfile.ZipInfo) -> bool:
    # A folder that has a size, or leads elsewhere, is looked at as a file is.
    name, _, rest = member.orig_filename.rpartition("/")
    honest = name == member.filename[:-1] and not {"", ".", ".."} & set(name.split("/"))
    return honest and not rest and not member.file_size


def _check_apart(members: list[zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes: so a few kilobytes unpack to petabytes (Fifield, 2019)."""
    ordered = sorted(members, key=lambda one: one.header_offset)
    for one, following in pairwise(ordered):
        if one.header_offset + one.compress_size > following.header_offset:
            raise _unsafe("members lie in one another", following)


def _unsafe(what: str, member: zipfile.ZipInfo) -> DataError:
    shown = member.orig_filename[:80].encode("unicode_escape").decode("ascii")
    return DataError(
        "unsafe_archive", f"the archive is not taken: {what} ('{shown}'); pack plain files in folders anew"
    )
