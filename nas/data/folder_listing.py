"""Which files are in a folder: images by extension, the rest counted, links that lead outside left alone."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

# fmt: off
IMAGE_SUFFIXES: Final = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp",
    ".ppm", ".pgm", ".pbm", ".pnm",
))
UNREAD_IMAGE_SUFFIXES: Final = frozenset((
    ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".eps", ".ico", ".exr", ".hdr", ".dcm",
    ".cr2", ".cr3", ".nef", ".arw", ".dng",
))
# fmt: on
"""Images that the decode rule does not cover; their owner should hear of it."""

NOT_THE_USERS: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "__pycache__"})
"""What archivers, file servers and Python leave behind."""


@dataclass(frozen=True)
class Listing:
    """The content of a folder; every path relative to it, with "/", in sorted order.

    Attributes:
        images: Files with an image's extension.
        folders: All folders below.
        ignored: Other files, counted by extension. Hidden files are not counted.
        outside: Links that lead out of the folder or nowhere.
        linked: Those of them that lead to a folder, or look as if they did while nothing is there.
    """

    images: tuple[PurePosixPath, ...]
    folders: tuple[PurePosixPath, ...]
    ignored: dict[str, int]
    outside: tuple[PurePosixPath, ...]
    linked: tuple[PurePosixPath, ...] = ()


@dataclass
class _Found:
    images: list[PurePosixPath] = field(default_factory=list)
    folders: list[PurePosixPath] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    outside: list[PurePosixPath] = field(default_factory=list)
    linked: list[PurePosixPath] = field(default_factory=list)


def list_folder(root: Path) -> Listing:
    """List a folder and all folders below it.

    Links inside the folder are followed, those that lead outside are not: a data set is what is in its
    folder, and a folder from a stranger must not reach this machine's files. Hidden entries and those that
    archivers and file servers leave behind are passed over.
    """
    found = _Found()
    real_root = root.resolve()
    _visit(root, PurePosixPath(), (str(real_root),), found)
    return Listing(
        tuple(sorted(found.images)),
        tuple(sorted(found.folders)),
        dict(sorted(found.ignored.items())),
        tuple(sorted(found.outside)),
        tuple(sorted(found.linked)),
    )


def list_names(files: Iterable[PurePosixPath], folders: Iterable[PurePosixPath]) -> Listing:
    """Sort the files of an archive as those of a folder: by extension, hidden ones passed over.

    Args:
        files: All files, by their names in the archive.
        folders: That it lists; those of its files are known from them.
    """
    ours = [path for path in files if _is_the_users(path)]
    images = [path for path in ours if path.suffix.lower() in IMAGE_SUFFIXES]
    taken = set(images)
    others = Counter(path.suffix.lower() or path.name for path in ours if path not in taken)
    inner = {parent for path in ours for parent in path.parents if parent.parts}
    listed = {path for path in folders if _is_the_users(path)}
    return Listing(tuple(sorted(images)), tuple(sorted(inner | listed)), dict(sorted(others.items())), ())


def _is_the_users(path: PurePosixPath) -> bool:
    return not any(part.startswith(".") or part in NOT_THE_USERS for part in path.parts)


def _visit(folder: Path, relative: PurePosixPath, real_chain: tuple[str, ...], found: _Found) -> None:
    """Visit one folder; `real_chain` holds the real paths from the root to here, against links in circles."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in NOT_THE_USERS:
                continue
            path = relative / entry.name
            if entry.is_symlink() and not leads_inside(entry, real_chain):
                found.outside.append(path)
                if _stands_for_a_folder(entry, real_chain):
                    found.linked.append(path)
            elif entry.is_dir():
                found.folders.append(path)
                _visit(Path(entry.path), path, (*real_chain, os.path.realpath(entry.path)), found)
            elif entry.is_file():
                suffix = path.suffix.lower()
                if suffix in IMAGE_SUFFIXES:
                    found.images.append(path)
                else:
                    found.ignored[suffix or path.name] += 1


def leads_inside(entry: os.DirEntry[str], real_chain: tuple[str, ...]) -> bool:
    """Whether a link leads into the folder that the chain begins with, and not to one that it lies in."""
    target = os.path.realpath(entry.path)
    return target.startswith(real_chain[0] + os.sep) and target not in real_chain and os.path.exists(target)


def _stands_for_a_folder(entry: os.DirEntry[str], real_chain: tuple[str, ...]) -> bool:
    """Whether a folder elsewhere is missed; one that the link lies in is not, and a file has a suffix."""
    target = os.path.realpath(entry.path)
    if not os.path.exists(target):
        return not PurePosixPath(entry.name).suffix
    return entry.is_dir() and target not in real_chain
