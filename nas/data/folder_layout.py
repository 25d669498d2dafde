"""Which class and which split a file in an image folder belongs to: read from its path alone.

Two layouts, told apart by the names of the folders at the top:

* `CLASS/.../image`: one folder a class; splits are made by us.
* `SPLIT/CLASS/.../image`: SPLIT is train (training), val (valid, validation, dev) or test (testing), in any
case of
  letters. `train` has to be there; what is missing is made from it.

The class is the first folder below the split; images may lie at any depth below it. A folder that holds
nothing but one other folder with everything in it is stepped into. A link that leads outside is not followed;
where a class or a split would stand it is refused, since another data set would be left.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from nas.data.contents import PART_CODE, UNASSIGNED, Part
from nas.data.folder_listing import UNREAD_IMAGE_SUFFIXES, Listing
from nas.data.report import Notice
from search_spaces.errors import DataError

SPLIT_FOLDERS: Final[dict[str, Part]] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class FolderImage:
    """One image file: its path below the data set's folder, its class, and its part code or `UNASSIGNED`."""

    path: PurePosixPath
    class_name: str
    part: int


def arrange(listing: Listing) -> tuple[tuple[FolderImage, ...], tuple[Notice, ...]]:
    """Give every image its class and split.

    Returns:
        The images in the order of their paths, and what the user should know.

    Raises:
        DataError: `no_images`, `no_classes`, `empty_class`, `no_train_split`, `duplicate_split`,
            `ambiguous_layout`, `linked_folder`.
    """
    if not listing.images:
        _refuse_links(listing, [link.parent for link in listing.linked])
        raise _no_images(listing)
    top = _top(listing)
    _refuse_links(listing, (top, *top.parents))
    with_images = _below(listing.images, top, folders_only=True)
    splits = [name for name in with_images if name.lower() in SPLIT_FOLDERS]
    if splits and _is_split_layout(
        listing, top, splits, [name for name in with_images if name not in splits]
    ):
        folders = [path for path in listing.folders if path.parent == top]
        _refuse_links(listing, [path for path in folders if path.name.lower() in SPLIT_FOLDERS])
        images, strays = _by_split(listing, top, splits)
    else:
        images, strays = _by_class(listing, top, UNASSIGNED)
    return tuple(images), (*_stray_notices(strays), *_unread_notices(listing))


def _no_images(listing: Listing) -> DataError:
    unread = [suffix for suffix in listing.ignored if suffix in UNREAD_IMAGE_SUFFIXES]
    hints = [f"; {', '.join(unread)} files are not read: convert them to JPEG or PNG"] if unread else []
    if listing.outside:
        count = len(listing.outside)
        hints.append(f"; {count} links that lead outside are not followed: copy what they lead to")
    return DataError(
        "no_images", f"the folder holds no images: put one folder for each class into it{''.join(hints)}"
    )


def _refuse_links(listing: Listing, places: Container[PurePosixPath]) -> None:
    for link in listing.linked:
        if link.parent in places:
            raise DataError(
                "linked_folder",
                f"'{link}' leads outside: copy it, name the folder it leads to, or remove the link",
            )


def _top(listing: Listing) -> PurePosixPath:
    """Step into folders that hold nothing but one folder with all images in folders of its own."""
    top = PurePosixPath()
    while True:
        entries = _below(listing.images, top, folders_only=False)
        if len(entries) != 1 or entries[0].lower() in SPLIT_FOLDERS:
            return top
        inner = top / entries[0]
        if inner in listing.images or len(_below(listing.images, inner, folders_only=True)) < len(
            _below(listing.images, inner, folders_only=False)
        ):
            return top
        top = inner


def _below(paths: Sequence[PurePosixPath], top: PurePosixPath, *, folders_only: bool) -> list[str]:
    """Name what lies directly below `top` on the way to `paths`, sorted."""
    depth = len(top.parts)
    names = {
        path.parts[depth]
        for path in paths
        if path.parts[:depth] == top.parts and len(path.parts) > depth + int(folders_only)
    }
    return sorted(names)


def _is_split_layout(listing: Listing, top: PurePosixPath, splits: list[str], others: list[str]) -> bool:
    nested = [name for name in splits if _below(listing.images, top / name, folders_only=True)]
    if others and not nested:
        return False  # pictures of trains beside pictures of ships
    if others:
        raise DataError(
            "ambiguous_layout",
            f"'{splits[0]}' looks like a split and '{others[0]}' like a class: keep one kind at the top",
        )
    if not nested:
        raise DataError(
            "no_classes",
            f"'{splits[0]}' holds images but no class folders: sort them into one folder for each class",
        )
    return True


def _by_split(
    listing: Listing, top: PurePosixPath, splits: list[str]
) -> tuple[list[FolderImage], list[PurePosixPath]]:
    folder_of: dict[Part, str] = {}
    for name in splits:
        part = SPLIT_FOLDERS[name.lower()]
        if part in folder_of:
            raise DataError(
                "duplicate_split",
                f"'{folder_of[part]}' and '{name}' are both {part}: merge them into one folder",
            )
        folder_of[part] = name
    if "train" not in folder_of:
        raise DataError(
            "no_train_split",
            f"there is '{splits[0]}' but no 'train' folder: add it, or name the class folders",
        )
    images: list[FolderImage] = []
    strays = [path for path in listing.images if len(path.parts) == len(top.parts) + 1]
    for part, name in folder_of.items():
        found, stray = _by_class(listing, top / name, PART_CODE[part])
        images += found
        strays += stray
    return sorted(images, key=lambda image: image.path), strays


def _by_class(
    listing: Listing, top: PurePosixPath, part: int
) -> tuple[list[FolderImage], list[PurePosixPath]]:
    depth = len(top.parts)
    images, strays = [], []
    for path in listing.images:
        if path.parts[:depth] != top.parts:
            continue
        if len(path.parts) == depth + 1:
            strays.append(path)
        else:
            images.append(FolderImage(path, path.parts[depth], part))
    if not images:
        raise DataError(
            "no_classes", f"'{top}' has no class folders: sort its images into one folder for each class"
        )
    if part in (UNASSIGNED, PART_CODE["train"]):
        _require_images(listing, top, {image.class_name for image in images})
    return images, strays


def _require_images(listing: Listing, top: PurePosixPath, with_images: set[str]) -> None:
    for folder in listing.folders:
        if folder.parent == top and folder.name not in with_images:
            raise DataError(
                "empty_class",
                f"class '{folder.name}' has no images: add images or remove the folder '{folder}'",
            )


def _stray_notices(strays: list[PurePosixPath]) -> tuple[Notice, ...]:
    if not strays:
        return ()
    return (
        Notice(
            "stray_images",
            f"images outside class folders, not used: {len(strays)}, first '{strays[0]}': move them",
        ),
    )


def _unread_notices(listing: Listing) -> tuple[Notice, ...]:
    return tuple(
        Notice("unread_format", f"{suffix} files, not used: {count}: convert them to JPEG or PNG")
        for suffix, count in listing.ignored.items()
        if suffix in UNREAD_IMAGE_SUFFIXES
    )
