"""A user's folder of images as a data set: listed, decoded once to see what is broken, split, compared."""

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from nas.data.contents import PART_CODE, PARTS, Contents, Fold, Part
from nas.data.dataset import Dataset
from nas.data.decode import ImageError
from nas.data.file_source import Files, FileSource, Folder, Scan
from nas.data.folder_layout import FolderImage, arrange
from nas.data.folder_listing import Listing, list_folder
from nas.data.kept_scans import Told, look_at, untold
from nas.data.near_duplicates import NearDuplicates, find_near_duplicates
from nas.data.report import Findings, Notice, SkippedFile
from nas.data.spec import ImageFolderSpec
from nas.data.splits import Shares, assign_parts, make_folds
from search_spaces.base import IntArray
from search_spaces.errors import DataError, UsageError
from search_spaces.readable import readable

NEARLY_BLACK: Final = 31
"""An image without a brighter value than this: most often 10- or 12-bit samples stored in 16 bits."""

_SPLIT_NAMES: Final = ("train", "select", "confirm", "test")


@dataclass(frozen=True, eq=False)
class _Usable:
    """Images that decode, with what the scan told of them; parallel lists."""

    images: tuple[FolderImage, ...]
    scans: tuple[Scan, ...]


def open_image_folder(spec: ImageFolderSpec, cache_dir: Path | None = None, told: Told = untold) -> Dataset:
    """Open an image folder; decodes every file that was not looked at before.

    `folder_layout` says how folders are read, `decode` how files are.

    Args:
        spec: Which folder, and how it is read.
        cache_dir: Where what was seen and made of the files is kept; None: nowhere.
        told: How many files of those to be decoded are.

    Raises:
        UsageError: `dataset_not_found`, `not_readable`.
        DataError: `broken_image`, `too_many_broken`, `group_by_no_match`, what `arrange` and `Dataset` raise.
    """
    root = spec.path.expanduser()
    with readable(root):
        if not root.is_dir():
            raise UsageError(
                "dataset_not_found", f"no folder '{root}': give the path of a folder with one folder a class"
            )
        listing = list_folder(root)
    return open_images(spec, listing, Folder(root), cache_dir, told)


def open_images(
    spec: ImageFolderSpec,
    listing: Listing,
    files: Files,
    cache_dir: Path | None = None,
    told: Told = untold,
) -> Dataset:
    """Open image files wherever they are; decodes every one that was not looked at before.

    Raises:
        DataError: As `open_image_folder`.
    """
    images, notices = arrange(listing)
    with closing(look_at(files, [image.path for image in images], cache_dir, told)) as seen:
        usable, broken = _sorted_out(spec, images, seen)
    outside = [SkippedFile(_shown(path), "a link that leads outside the folder") for path in listing.outside]
    class_names = sorted({image.class_name for image in images})
    number_of = {name: number for number, name in enumerate(class_names)}
    labels = np.array([number_of[image.class_name] for image in usable.images], dtype=np.int64)
    groups = _groups(spec.group_by, usable.images)
    parts = _parts(spec, usable.images, labels, groups)
    validation = parts == PART_CODE["validation"]
    folds = make_folds(labels[validation], spec.seed, None if groups is None else groups[validation])
    indices = {part: np.flatnonzero(parts == PART_CODE[part]) for part in PARTS}
    contents = Contents(
        name=spec.name,
        class_names=tuple(_shown(name) for name in class_names),
        num_channels=spec.channels if spec.channels != "auto" else max(s.num_channels for s in usable.scans),
        labels={part: labels[indices[part]] for part in PARTS},
        folds=folds,
    )
    findings = Findings(
        skipped=(*broken, *outside),
        ignored=listing.ignored,
        near_duplicates=_near_duplicates(usable, parts, folds) if spec.near_duplicates == "report" else None,
        notices=(*notices, *_group_notices(groups, parts), *_dark_notices(usable)),
    )
    return Dataset(contents, _source(files, usable, indices, contents.num_channels), findings, cache_dir)


def _source(files: Files, usable: _Usable, indices: dict[Part, IntArray], num_channels: int) -> FileSource:
    parts = {part: [(usable.images[i].path, usable.scans[i].digest) for i in indices[part]] for part in PARTS}
    return FileSource(files, parts, num_channels)


def _sorted_out(
    spec: ImageFolderSpec, images: Sequence[FolderImage], seen: Iterable[Scan | ImageError]
) -> tuple[_Usable, tuple[SkippedFile, ...]]:
    usable: list[tuple[FolderImage, Scan]] = []
    broken: list[SkippedFile] = []
    for image, found in zip(images, seen, strict=True):
        if isinstance(found, Scan):
            usable.append((image, found))
        else:
            broken.append(SkippedFile(_shown(image.path), str(found)))
            if spec.on_broken == "fail":
                raise DataError(
                    "broken_image",
                    f"'{broken[0].path}': {found}: repair or remove it, or set on_broken: skip",
                )
    if len(broken) > spec.max_broken_share * len(images):
        raise DataError(
            "too_many_broken",
            f"{len(broken)} of {len(images)} images are broken, first '{broken[0].path}': "
            f"{broken[0].reason}; repair them or raise max_broken_share (now {spec.max_broken_share})",
        )
    _require_unbroken(images, usable)
    return _Usable(tuple(i for i, _ in usable), tuple(s for _, s in usable)), tuple(broken)


def _require_unbroken(images: Sequence[FolderImage], usable: Sequence[tuple[FolderImage, Scan]]) -> None:
    gone = {image.class_name for image in images} - {image.class_name for image, _ in usable}
    for name in sorted(gone):
        raise DataError(
            "empty_class", f"class '{_shown(name)}' has broken images only: add images or remove the folder"
        )


def _groups(group_by: str | None, images: Sequence[FolderImage]) -> IntArray | None:
    """Number the groups of images that have to stay together."""
    if group_by is None:
        return None
    numbers: dict[str, int] = {}
    groups = [numbers.setdefault(_group(group_by, image.path), len(numbers)) for image in images]
    return np.array(groups, dtype=np.int64)


def _group(group_by: str, path: PurePosixPath) -> str:
    if group_by == "folder":
        return str(path.parent)
    match = re.search(group_by, str(path))
    if match is None or match.group(1) is None:
        raise DataError(
            "group_by_no_match",
            f"group_by '{group_by}' finds no group in '{_shown(path)}': widen the expression",
        )
    return str(match.group(1))


def _parts(
    spec: ImageFolderSpec, images: Sequence[FolderImage], labels: IntArray, groups: IntArray | None
) -> IntArray:
    given = np.array([image.part for image in images], dtype=np.int64)
    return assign_parts(labels, given, Shares(spec.val_share, spec.test_share), spec.seed, groups)


def _near_duplicates(usable: _Usable, parts: IntArray, folds: tuple[Fold, ...]) -> NearDuplicates:
    splits = np.where(parts == PART_CODE["test"], 3, 0)
    validation = np.flatnonzero(parts == PART_CODE["validation"])
    splits[validation[folds[0].select]] = 1
    splits[validation[folds[0].confirm]] = 2
    thumbnails = np.stack([seen.thumbnail for seen in usable.scans])
    return find_near_duplicates(thumbnails, splits, [_shown(i.path) for i in usable.images], _SPLIT_NAMES)


def _group_notices(groups: IntArray | None, parts: IntArray) -> tuple[Notice, ...]:
    """Say which groups the user's own split folders tear apart."""
    if groups is None:
        return ()
    pairs = np.unique(np.stack([groups, parts], axis=1), axis=0)
    torn = int((np.bincount(pairs[:, 0]) > 1).sum())
    if torn == 0:
        return ()
    return (
        Notice(
            "group_across_splits",
            f"{torn} groups have images in more than one of your split folders: accuracies will be "
            "flattered; move each group into one split",
        ),
    )


def _dark_notices(usable: _Usable) -> tuple[Notice, ...]:
    dark = [i.path for i, s in zip(usable.images, usable.scans, strict=True) if s.brightest <= NEARLY_BLACK]
    if not dark:
        return ()
    return (
        Notice(
            "nearly_black",
            f"{len(dark)} images have no value above {NEARLY_BLACK} of 255, first '{_shown(dark[0])}': "
            "stretch 10- or 12-bit samples to 16 bits before storing them",
        ),
    )


def _shown(name: str | PurePosixPath) -> str:
    """Return a name that can be printed, stored and sent whatever bytes the file system has for it."""
    return str(name).encode("utf-8", "backslashreplace").decode()
