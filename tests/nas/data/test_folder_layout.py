"""Layouts as lists of paths; `test_image_folder` has them as real files, with every refusal."""

from pathlib import PurePosixPath

import pytest

from nas.data.contents import UNASSIGNED
from nas.data.folder_layout import arrange
from nas.data.folder_listing import Listing
from search_spaces.errors import DataError


def listing(*images: str, ignored: dict[str, int] | None = None) -> Listing:
    paths = sorted(PurePosixPath(image) for image in images)
    folders = sorted({parent for path in paths for parent in path.parents if parent.parts})
    return Listing(tuple(paths), tuple(folders), ignored or {}, ())


def arranged(*images: str) -> dict[str, tuple[str, int]]:
    found, _ = arrange(listing(*images))
    return {str(image.path): (image.class_name, image.part) for image in found}


def test_one_folder_a_class() -> None:
    assert arranged("cat/1.jpg", "dog/a/b/2.jpg") == {
        "cat/1.jpg": ("cat", UNASSIGNED),
        "dog/a/b/2.jpg": ("dog", UNASSIGNED),
    }


def test_splits_above_classes() -> None:
    assert arranged("train/cat/1.jpg", "dev/cat/x/2.jpg", "Testing/cat/3.jpg") == {
        "Testing/cat/3.jpg": ("cat", 2),
        "dev/cat/x/2.jpg": ("cat", 1),
        "train/cat/1.jpg": ("cat", 0),
    }


def test_wrapping_folders_are_stepped_into() -> None:
    assert arranged("set/v1/cat/1.jpg", "set/v1/dog/2.jpg") == {
        "set/v1/cat/1.jpg": ("cat", UNASSIGNED),
        "set/v1/dog/2.jpg": ("dog", UNASSIGNED),
    }
    assert arranged("set/train/cat/1.jpg", "set/val/cat/2.jpg")["set/val/cat/2.jpg"] == ("cat", 1)


def test_a_class_folder_is_not_a_wrapper() -> None:
    assert arranged("cat/1.jpg", "cat/more/2.jpg") == {
        "cat/1.jpg": ("cat", UNASSIGNED),
        "cat/more/2.jpg": ("cat", UNASSIGNED),
    }


def test_trains_and_ships_are_classes() -> None:
    assert arranged("train/1.jpg", "ship/2.jpg")["train/1.jpg"] == ("train", UNASSIGNED)


def test_trains_with_folders_of_their_own_beside_ships_are_ambiguous() -> None:
    with pytest.raises(DataError, match="'train' looks like a split and 'ship' like a class") as caught:
        arranged("train/steam/1.jpg", "ship/2.jpg")
    assert caught.value.code == "ambiguous_layout"


def test_images_outside_classes_are_left_out_and_named() -> None:
    images, notices = arrange(listing("train/cat/1.jpg", "train/stray.jpg", "cover.jpg"))
    assert [str(image.path) for image in images] == ["train/cat/1.jpg"]
    assert [notice.code for notice in notices] == ["stray_images"]
    assert "not used: 2" in notices[0].message


def test_images_that_are_not_read_are_named() -> None:
    with pytest.raises(DataError, match=r"\.heic files are not read") as caught:
        arrange(listing(ignored={".heic": 3, ".txt": 1}))
    assert caught.value.code == "no_images"
    _, notices = arrange(listing("cat/1.jpg", ignored={".heic": 3, ".txt": 1}))
    assert [notice.message for notice in notices] == [".heic files, not used: 3: convert them to JPEG or PNG"]
