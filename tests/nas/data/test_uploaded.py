"""Uploaded files are opened as they came."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.image_folder import open_image_folder
from nas.data.spec import ImageFolderSpec, UploadedSpec, UploadRules
from nas.data.uploaded import content_of
from search_spaces.errors import DataError, UsageError
from tests.nas.data.zips import arrays_zip, folder_zip, image, zipped

FILE = "0" * 64


def written(folder: Path, content: bytes) -> Path:
    path = folder / "upload"
    path.write_bytes(content)
    return path


def opened(folder: Path, content: bytes, **rules: Any) -> Dataset:
    path = written(folder, content)
    told = content_of(path, UploadRules.model_validate(rules))
    spec = UploadedSpec.model_validate({"file": FILE, "content": told, **rules})
    return open_dataset(spec, None, lambda digest, suffix: path)


def refused(folder: Path, content: bytes, **rules: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        opened(folder, content, **rules)
    assert str(folder) not in caught.value.message
    return caught.value


def test_a_packed_folder_is_the_folder(tmp_path: Path) -> None:
    """The same images, classes and splits, whether they are packed or not."""
    content = folder_zip()
    packed = opened(tmp_path, content)
    with zipfile.ZipFile(tmp_path / "upload") as archive:
        archive.extractall(tmp_path / "folder")
    folder = open_image_folder(ImageFolderSpec(path=tmp_path / "folder"))
    assert packed.class_names == ("cat", "dog")
    assert packed.digest == folder.digest
    assert np.array_equal(packed.images("train", 8), folder.images("train", 8))


@pytest.mark.parametrize(
    "rules",
    [
        {"group_by": r"/(\w+)_\d\.png$"},
        {"val_share": 0.3, "test_share": 0.3, "seed": 5},
        {"channels": 1},
        {"near_duplicates": "off"},
    ],
)
def test_a_packed_folder_is_read_by_the_rules_of_a_folder(rules: dict[str, Any], tmp_path: Path) -> None:
    """Twenty scenes of three neighbouring frames in each class."""
    frames = {f"{one}/{one}{n // 3}_{n % 3}.png": image(n) for one in ("cat", "dog") for n in range(60)}
    plain, packed = opened(tmp_path, zipped(frames)), opened(tmp_path, zipped(frames), **rules)
    with zipfile.ZipFile(tmp_path / "upload") as archive:
        archive.extractall(tmp_path / "folder")
    folder = open_image_folder(ImageFolderSpec.model_validate({"path": tmp_path / "folder", **rules}))
    assert packed.digest == folder.digest
    assert packed.report.as_dict() == folder.report.as_dict() != plain.report.as_dict()


def test_what_is_broken_is_an_error_where_that_was_said(tmp_path: Path) -> None:
    members = {f"{one}/{n}.png": image(n) for one in ("a", "b") for n in range(20)}
    content = zipped({**members, "a/broken.png": b"no image", "b/broken.png": b"no image"})
    assert refused(tmp_path, content, on_broken="fail").code == "broken_image"
    assert refused(tmp_path, content, max_broken_share=0.01).code == "too_many_broken"
    assert refused(tmp_path, content, group_by=r"scene(\d+)").code == "group_by_no_match"
    assert len(opened(tmp_path, content).report.findings.skipped) == 2


def test_rules_of_folders_are_refused_for_arrays(tmp_path: Path) -> None:
    content = arrays_zip(images=np.zeros((40, 6, 6), np.uint8), labels=np.arange(40) % 4)
    with pytest.raises(UsageError, match="group_by: of image folders only") as caught:
        opened(tmp_path, content, group_by="folder")
    assert caught.value.code == "invalid_spec"
    fewer = opened(tmp_path, content, val_share=0.4).labels("train")
    assert len(fewer) < len(opened(tmp_path, content).labels("train"))


def test_arrays_are_told_from_images(tmp_path: Path) -> None:
    images = np.zeros((40, 6, 6), np.uint8)
    content = arrays_zip(images=images, labels=np.arange(40) % 4)
    dataset = opened(tmp_path, content)
    assert (dataset.num_channels, len(dataset.class_names)) == (1, 4)


def test_broken_images_are_told_and_what_packers_leave_is_passed_over(tmp_path: Path) -> None:
    members = {f"{one}/{n}.png": image(n) for one in ("a", "b") for n in range(20)}
    more = {"a/broken.png": b"no image", "__MACOSX/a/1.png": b"x", "a/.hidden.png": b"x", "notes.txt": b"x"}
    report = opened(tmp_path, zipped({**members, **more})).report.as_dict()
    assert [one["path"] for one in report["skipped"]] == ["a/broken.png"]
    assert report["ignored"] == {".txt": 1}
    assert sum(report["num_images"].values()) == 40


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({}), "empty_archive"),
        (zipped({"notes.txt": b"x"}), "no_images"),
        (zipped({"a.png": image(0)}), "no_classes"),
        (zipped({"cat/a.png": image(0), "dog/": b""}), "empty_class"),
        (zipped({"cat/a.png": b"x", "dog/a.png": b"y"}), "too_many_broken"),
        (arrays_zip(labels=np.arange(4)), "missing_array"),
        (arrays_zip(images=np.zeros((4, 2)), labels=np.arange(4)), "bad_shape"),
    ],
)
def test_what_is_wrong_is_named(content: bytes, code: str, tmp_path: Path) -> None:
    assert refused(tmp_path, content).code == code


class _Runs:
    """Leaves a file where it is unpickled."""

    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return (open, (self.marker, "w"))


def test_pickled_objects_are_refused_and_never_loaded(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    evil = np.array([_Runs(str(marker))], dtype=object)
    assert refused(tmp_path, arrays_zip(images=evil, labels=evil)).code == "unsafe_pickle"
    assert not marker.exists()


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000,), }",
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        b"{" * 500,
        b"__import__('os').system('true')",
        b" " * 60_000,
    ],
    ids=["huge", "negative", "objects", "brackets", "code", "long"],
)
def test_hostile_headers_are_refused(header: bytes, tmp_path: Path) -> None:
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(16)
    content = zipped({"images.npy": member, "labels.npy": member}, zipfile.ZIP_STORED)
    assert refused(tmp_path, content).code in ("broken_file", "unsafe_pickle")


def test_an_upload_is_opened_with_the_store_only() -> None:
    with pytest.raises(UsageError) as caught:
        open_dataset(UploadedSpec(file=FILE, content="images"))
    assert caught.value.code == "dataset_not_found"
