"""Image folders as people have them, written by Pillow into temporary folders."""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.data import file_source
from nas.data.catalogue import open_dataset
from nas.data.contents import PARTS, Part
from nas.data.dataset import Dataset
from nas.data.decode import decode, load
from nas.data.spec import ImageFolderSpec
from search_spaces.errors import DataError, UsageError


def picture(seed: int, size: tuple[int, int] = (20, 24), mode: str = "RGB") -> Image.Image:
    """A picture with structure, so that no two look alike: 5 x 6 random blocks, enlarged."""
    channels = {"RGB": 3, "L": 1}[mode]
    blocks = np.random.default_rng(seed).integers(0, 256, (5, 6, channels), dtype=np.uint8)
    small = Image.fromarray(blocks[:, :, 0] if channels == 1 else blocks)
    return small.resize((size[1], size[0]), Image.Resampling.NEAREST)


def save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def fill(root: Path, folders: Sequence[str], count: int = 20, **options: Any) -> None:
    for number, folder in enumerate(folders):
        for image in range(count):
            save(root / folder / f"{image:03}.png", picture(1_000 * number + image, **options))


def opened(root: Path, **changes: Any) -> Dataset:
    return open_dataset(ImageFolderSpec(path=root, **changes))


def counts(dataset: Dataset) -> list[int]:
    return [len(dataset.labels(part)) for part in PARTS]


def codes(dataset: Dataset) -> list[str]:
    return [notice.code for notice in dataset.report.warnings]


def refused(root: Path, **changes: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        opened(root, **changes)
    assert "\n" not in caught.value.message
    return caught.value


def test_one_folder_a_class(tmp_path: Path) -> None:
    fill(tmp_path, ["dog", "cat"])
    dataset = opened(tmp_path)
    assert dataset.class_names == ("cat", "dog")
    assert counts(dataset) == [28, 6, 6]
    assert dataset.num_channels == 3
    assert codes(dataset) == []


def test_pixels_are_those_of_decode_and_stand_beside_their_labels(tmp_path: Path) -> None:
    fill(tmp_path, ["dog", "cat"])
    dataset = opened(tmp_path)
    expected = {}
    for file in tmp_path.rglob("*.png"):
        expected[load(file.read_bytes(), 3, 16).tobytes()] = dataset.class_names.index(file.parent.name)
    for part in PARTS:
        for image, label in zip(dataset.images(part, 16), dataset.labels(part), strict=True):
            assert expected.pop(image.tobytes()) == label
    assert expected == {}


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "VALID", "testing")])
def test_the_users_own_splits_are_kept(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for name, count in zip(names, (12, 6, 8), strict=True):
        fill(tmp_path / name, ["a", "b"], count)
    assert counts(opened(tmp_path)) == [24, 12, 16]


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        (("train", "test"), [34, 6, 40]),  # 15 % of 40 training images become validation
        (("train", "val"), [34, 40, 6]),
        (("train",), [28, 6, 6]),
    ],
)
def test_missing_splits_are_made_from_training(
    tmp_path: Path, present: tuple[str, ...], expected: list[int]
) -> None:
    for name in present:
        fill(tmp_path / name, ["a", "b"])
    assert counts(opened(tmp_path)) == expected


def test_the_class_is_the_first_folder_below_the_split(tmp_path: Path) -> None:
    fill(tmp_path, ["train/car/red/big", "train/car/blue", "train/ship/old", "train/ship"], 10)
    dataset = opened(tmp_path)
    assert dataset.class_names == ("car", "ship")
    assert sum(counts(dataset)) == 40


def test_a_wrapping_folder_is_stepped_into(tmp_path: Path) -> None:
    fill(tmp_path / "my-data" / "v2" / "train", ["a", "b"])
    assert opened(tmp_path).class_names == ("a", "b")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    fill(tmp_path, ["ship", "train", "test"])
    assert opened(tmp_path).class_names == ("ship", "test", "train")


def test_what_is_no_image_is_passed_over_and_counted(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    for name in (
        ".DS_Store",
        "a/.hidden.png",
        "a/._000.png",
        "__MACOSX/a/000.png",
        "a/notes.txt",
        "b/x.heic",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"whatever")
    save(tmp_path / "cover.png", picture(7))
    dataset = opened(tmp_path)
    assert sum(counts(dataset)) == 40
    assert dataset.report.as_dict()["ignored"] == {".heic": 1, ".txt": 1}
    assert codes(dataset) == ["stray_images", "unread_format"]


def test_extensions_in_capitals_and_any_content_are_read(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    (tmp_path / "a/000.png").rename(tmp_path / "a/000.JPG")  # a PNG by content
    assert sum(counts(opened(tmp_path))) == 40


def test_exif_orientation_and_16_bit_grey_reach_the_images(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "val/a", "val/b"], mode="L")
    exif = Image.Exif()
    exif[274] = 3
    upside_down = picture(1, mode="L")
    (tmp_path / "test/a").mkdir(parents=True)
    upside_down.save(tmp_path / "test/a/0.png", exif=exif)
    deep = np.arange(20 * 20, dtype=np.uint16).reshape(20, 20) * 160
    Image.fromarray(deep).save(tmp_path / "test/a/1.png")
    dataset = opened(tmp_path)
    assert dataset.num_channels == 1
    images = dataset.images("test", 20)
    assert images[0, 0].tolist() == np.asarray(upside_down)[::-1, ::-1][:, 2:22].tolist()
    assert images[1, 0].tolist() == (deep >> 8).tolist()


@pytest.mark.parametrize(("channels", "expected"), [("auto", 3), (1, 1), (3, 3)])
def test_one_colour_image_makes_the_data_set_colour(tmp_path: Path, channels: Any, expected: int) -> None:
    fill(tmp_path, ["a", "b"], mode="L")
    save(tmp_path / "a/colour.png", picture(5))
    dataset = opened(tmp_path, channels=channels)
    assert dataset.num_channels == expected
    assert dataset.images("train", 8).shape[1] == expected


def test_broken_images_are_skipped_and_reported(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    whole = (tmp_path / "a/001.png").read_bytes()
    (tmp_path / "a/000.png").write_bytes(whole[:60])
    (tmp_path / "b/000.png").write_bytes(b"<html>")
    report = opened(tmp_path).report.as_dict()
    assert [file["path"] for file in report["skipped"]] == ["a/000.png", "b/000.png"]
    assert "not a readable" in report["skipped"][1]["reason"]
    assert report["num_skipped"] == 2
    assert sum(report["num_images"].values()) == 38
    assert [warning["code"] for warning in report["warnings"]] == ["files_skipped"]


def test_the_policy_decides_about_broken_images(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    (tmp_path / "a/000.png").write_bytes(b"")
    assert refused(tmp_path, on_broken="fail").code == "broken_image"
    assert refused(tmp_path, max_broken_share=0.02).code == "too_many_broken"
    assert sum(counts(opened(tmp_path, max_broken_share=0.025))) == 39


def test_a_class_of_broken_images_is_empty(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b", "c"])
    for file in (tmp_path / "b").iterdir():
        file.write_bytes(b"")
    assert refused(tmp_path, max_broken_share=1.0).code == "empty_class"


def test_a_picture_with_too_many_pixels_is_skipped(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    Image.new("1", (10_000, 9_000)).save(tmp_path / "a/000.png")
    (skipped,) = opened(tmp_path).report.findings.skipped
    assert "pixels" in skipped.reason


@pytest.mark.parametrize(
    ("code", "folders", "empty"),
    [
        ("no_images", [], []),
        ("no_images", [], ["a", "b"]),
        ("no_classes", ["."], []),
        ("no_classes", ["train", "val"], []),
        ("too_few_classes", ["a"], []),
        ("too_few_classes", ["train/a"], []),
        ("empty_class", ["a", "b"], ["c"]),
        ("empty_class", ["train/a", "train/b", "val/a"], ["train/c"]),
        ("class_not_in_train", ["train/a", "train/b", "val/a", "val/c"], []),
        ("class_not_in_train", ["train/a", "train/b", "test/c"], []),
        ("no_train_split", ["val/a", "test/a"], []),
        ("duplicate_split", ["train/a", "val/a", "valid/a"], []),
        ("ambiguous_layout", ["train/a", "train/b", "others"], []),
    ],
)
def test_folders_that_make_no_data_set_are_refused(
    tmp_path: Path, code: str, folders: list[str], empty: list[str]
) -> None:
    fill(tmp_path, folders)
    for folder in empty:
        (tmp_path / folder).mkdir(parents=True)
    assert refused(tmp_path).code == code


def test_a_class_without_validation_images_is_a_warning(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "val/a", "test/a", "test/b"])
    dataset = opened(tmp_path)
    assert codes(dataset) == ["class_not_scored", "class_not_scored"]  # select and confirm
    assert "'b'" in dataset.report.warnings[0].message


def test_fewer_images_than_classes_are_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "val/a", "test/a"], 2)
    for name in ("b", "c", "d"):
        save(tmp_path / "val" / name / "0.png", picture(3))
    assert refused(tmp_path).code == "too_few_images"


def test_a_missing_folder_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        opened(tmp_path / "none")
    assert caught.value.code == "dataset_not_found"


def split_of_files(root: Path, dataset: Dataset, resolution: int = 16) -> dict[str, str]:
    """Find every file's part by its pixels."""
    found: dict[bytes, Part] = {}
    for part in PARTS:
        for image in dataset.images(part, resolution):
            found[image.tobytes()] = part
    files = sorted(root.rglob("*.png"))
    return {str(f.relative_to(root)): found[load(f.read_bytes(), 3, resolution).tobytes()] for f in files}


def fill_bursts(root: Path) -> None:
    for label, name in enumerate(("a", "b")):
        for scene in range(20):
            for shot in range(3):
                save(root / name / f"s{scene:02}_{shot}.png", picture(1_000 * label + 10 * scene + shot))


def test_bursts_of_one_scene_stay_together(tmp_path: Path) -> None:
    fill_bursts(tmp_path)
    dataset = opened(tmp_path, group_by=r"([^/]+/s\d+)_")
    splits: dict[str, set[str]] = {}
    for file, split in split_of_files(tmp_path, dataset).items():
        splits.setdefault(file.split("_")[0], set()).add(split)
    assert len(splits) == 40
    assert all(len(found) == 1 for found in splits.values())
    assert counts(dataset) == [84, 18, 18]
    for fold in dataset.folds:
        assert len(fold.select) in (
            6,
            12,
        )  # six scenes of three, three of each class: two or four to each half


def test_without_group_by_bursts_are_torn(tmp_path: Path) -> None:
    fill_bursts(tmp_path)
    splits: dict[str, set[str]] = {}
    for file, split in split_of_files(tmp_path, opened(tmp_path)).items():
        splits.setdefault(file.split("_")[0], set()).add(split)
    assert any(len(found) > 1 for found in splits.values())


def test_group_by_folder_keeps_folders_together(tmp_path: Path) -> None:
    fill(tmp_path, [f"{name}/scene{scene}" for name in ("a", "b") for scene in range(10)], 3)
    splits: dict[str, set[str]] = {}
    for file, split in split_of_files(tmp_path, opened(tmp_path, group_by="folder")).items():
        splits.setdefault(str(Path(file).parent), set()).add(split)
    assert all(len(found) == 1 for found in splits.values())


def test_group_by_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    assert refused(tmp_path, group_by=r"scene(\d+)").code == "group_by_no_match"
    assert refused(tmp_path, group_by="folder").code == "too_few_groups"


def test_groups_torn_by_the_users_own_splits_are_reported(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "val/a", "val/b", "test/a", "test/b"], 4)
    assert "group_across_splits" in codes(opened(tmp_path, group_by=r"(\d+)\.png"))


def test_look_alikes_across_splits_are_reported(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b", "val/a", "val/b", "test/a", "test/b"], 10)
    original = Image.open(tmp_path / "train/a/003.png")
    save(tmp_path / "test/a/copy.png", original)
    original.resize((48, 40)).save(tmp_path / "val/b/larger.jpg", quality=60)
    report = opened(tmp_path).report
    found = report.findings.near_duplicates
    assert found is not None
    assert {(pair.first, pair.second) for pair in found.pairs} == {
        ("test/a/copy.png", "train/a/003.png"),
        ("test/a/copy.png", "val/b/larger.jpg"),
        ("train/a/003.png", "val/b/larger.jpg"),
    }
    assert found.num_images == 3
    assert [notice.code for notice in report.warnings] == ["near_duplicates"]
    assert opened(tmp_path, near_duplicates="off").report.as_dict()["near_duplicates"] is None


def test_dark_16_bit_images_are_pointed_out(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"], mode="L")
    twelve_bits = np.random.default_rng(0).integers(0, 4096, (20, 20)).astype(np.uint16)
    Image.fromarray(twelve_bits).save(tmp_path / "a/dark.png")
    assert codes(opened(tmp_path)) == ["nearly_black"]


def test_imbalance_is_pointed_out(tmp_path: Path) -> None:
    fill(tmp_path, ["a"], 180)
    fill(tmp_path, ["b"], 18)
    report = opened(tmp_path, near_duplicates="off").report
    assert report.imbalance == pytest.approx(126 / 12)
    assert [notice.code for notice in report.warnings] == ["imbalanced"]


def test_links_that_lead_outside_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "data", tmp_path / "private"
    fill(root, ["a", "b"])
    fill(outside, ["c"])
    (root / "a" / "more").symlink_to(outside / "c")
    (root / "a" / "leak.png").symlink_to(outside / "c" / "000.png")
    (root / "a" / "gone.png").symlink_to(outside / "nothing.png")
    (root / "b" / "round").symlink_to(root)
    dataset = opened(root)
    assert dataset.class_names == ("a", "b")
    assert sum(counts(dataset)) == 40
    assert [file.path for file in dataset.report.findings.skipped] == [
        "a/gone.png",
        "a/leak.png",
        "a/more",
        "b/round",
    ]


@pytest.mark.parametrize(
    ("folders", "link"),
    [
        (["a", "b"], "c"),
        (["train/a", "train/b", "val/a", "val/b"], "test"),
        (["train/a", "train/b", "val/a", "val/b"], "train/c"),
        (["set/train/a", "set/train/b", "set/val/a", "set/val/b"], "set/test"),
        (["a/x", "a/y"], "b"),
        ([], "c"),
    ],
)
@pytest.mark.parametrize("there", [True, False])
def test_a_class_or_a_split_that_is_a_link_to_elsewhere_is_refused(
    tmp_path: Path, folders: list[str], link: str, there: bool
) -> None:
    root, outside = tmp_path / "data", tmp_path / "raw"
    fill(root, folders)
    if there:
        fill(outside, ["c"])
    (root / link).parent.mkdir(exist_ok=True, parents=True)
    (root / link).symlink_to(outside)
    error = refused(root)
    assert error.code == "linked_folder"
    assert f"'{link}' leads outside" in error.message


def test_a_split_of_which_every_class_is_a_link_is_refused(tmp_path: Path) -> None:
    root, outside = tmp_path / "data", tmp_path / "raw"
    fill(root, ["train/a", "train/b"])
    fill(outside, ["a"])
    (root / "test").mkdir()
    (root / "test" / "a").symlink_to(outside / "a")
    assert refused(root).code == "linked_folder"


def test_a_folder_of_links_tells_that_they_are_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "data", tmp_path / "raw"
    fill(outside, ["a"], 3)
    (root / "a").mkdir(parents=True)
    for image in (outside / "a").iterdir():
        (root / "a" / image.name).symlink_to(image)
    error = refused(root)
    assert error.code == "no_images"
    assert "3 links that lead outside are not followed" in error.message


def test_a_link_beside_classes_that_leads_to_a_file_is_passed_over(tmp_path: Path) -> None:
    root = tmp_path / "data"
    fill(root, ["a", "b"])
    (tmp_path / "LICENSE").write_text("")
    (root / "LICENSE").symlink_to(tmp_path / "LICENSE")
    (root / "all").symlink_to(root)
    assert codes(opened(root)) == ["files_skipped"]


def test_links_inside_the_folder_are_followed(tmp_path: Path) -> None:
    fill(tmp_path, ["train/a", "train/b"])
    fill(tmp_path, ["test/a"], 4)
    (tmp_path / "test" / "b").symlink_to(tmp_path / "train" / "b")
    assert len(opened(tmp_path).labels("test")) == 24


def test_a_pipe_with_an_image_name_is_not_opened(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    os.mkfifo(tmp_path / "a" / "pipe.png")
    assert sum(counts(opened(tmp_path))) == 40


def test_names_that_are_no_utf8_can_be_stored_and_printed(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    buffer = io.BytesIO()
    for number in range(20):
        buffer.seek(0)
        picture(500 + number).save(buffer, "PNG")
        with open(folder + b"/%d.png" % number, "wb") as file:
            file.write(buffer.getvalue())
    dataset = opened(tmp_path)
    assert dataset.class_names == ("a", "caf\\udce9")
    assert dataset.images("train", 8).shape == (28, 3, 8, 8)


def test_a_file_that_changes_after_opening_is_noticed(tmp_path: Path) -> None:
    fill(tmp_path, ["a", "b"])
    dataset = opened(tmp_path)
    dataset.images("train", 8)
    for file in tmp_path.rglob("*.png"):
        file.write_bytes(file.read_bytes() + b" ")
    assert dataset.images("train", 8).shape == (28, 3, 8, 8)  # made before
    with pytest.raises(DataError) as caught:
        dataset.images("train", 9)
    assert caught.value.code == "data_changed"
    (tmp_path / "a" / "000.png").unlink()
    assert opened(tmp_path).digest != dataset.digest


def test_the_digest_depends_on_content_and_not_on_the_place(tmp_path: Path) -> None:
    for name in ("here", "there"):
        fill(tmp_path / name, ["a", "b"])
    assert opened(tmp_path / "here").digest == opened(tmp_path / "there").digest
    assert opened(tmp_path / "here").digest != opened(tmp_path / "here", seed=1).digest
    assert opened(tmp_path / "here").digest != opened(tmp_path / "here", channels=1).digest


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every file that is decoded, each time."""
    contents: list[bytes] = []

    def counted(file: bytes, num_channels: int | None = None) -> Any:
        contents.append(file)
        return decode(file, num_channels)

    monkeypatch.setattr(file_source, "decode", counted)
    return contents


def test_a_folder_is_decoded_once_to_be_opened_and_once_for_all_resolutions(
    tmp_path: Path, decodings: list[bytes]
) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"])
    spec = ImageFolderSpec(path=root)
    first = open_dataset(spec, kept)
    assert len(decodings) == 40
    assert (first.left((8, 12)), first.kept_bytes((8, 12))) == (40, 40 * 3 * (64 + 144))
    assert list(first.prepare((8, 12))) == [(0, 40), *[(n, 40) for n in (28, 34, 40) for _ in range(3)]]
    assert len(decodings) == 80
    second = open_dataset(spec, kept)
    assert second.left((8, 12)) == 0
    assert list(second.prepare((8, 12))) == []
    assert second.digest == first.digest == open_dataset(spec).digest
    assert second.report == first.report
    decodings.clear()
    plain = open_dataset(spec)
    for part in PARTS:
        for side in (8, 12):
            for dataset in (first, second):
                assert dataset.images(part, side).tolist() == plain.images(part, side).tolist()
    # Of the one that keeps nothing: to open it, and once for each resolution.
    assert len(decodings) == 3 * 40


def test_of_a_folder_that_has_changed_a_little_little_is_looked_at(
    tmp_path: Path, decodings: list[bytes]
) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"])
    before = open_dataset(ImageFolderSpec(path=root), kept).digest
    decodings.clear()
    save(root / "a" / "000.png", picture(77))
    save(root / "a" / "new.png", picture(78))
    told: list[tuple[int, int]] = []
    changed = open_dataset(ImageFolderSpec(path=root), kept, None, lambda *found: told.append(found))
    assert len(decodings) == 2
    assert told[0] == (0, 2)
    assert told[-1] == (2, 2)
    assert before != changed.digest == open_dataset(ImageFolderSpec(path=root)).digest


@pytest.mark.parametrize("changes", [{"channels": 1}, {"seed": 3}, {"val_share": 0.3}])
def test_another_specification_of_a_folder_is_another_data_set_of_the_same_files(
    tmp_path: Path, decodings: list[bytes], changes: dict[str, Any]
) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"])
    list(open_dataset(ImageFolderSpec(path=root), kept).prepare((8,)))
    decodings.clear()
    other = open_dataset(ImageFolderSpec(path=root, **changes), kept)
    assert decodings == []
    assert other.left((8,)) == 40
    plain = open_dataset(ImageFolderSpec(path=root, **changes))
    assert other.digest == plain.digest
    assert other.images("train", 8).tolist() == plain.images("train", 8).tolist()


def test_broken_files_are_known_as_such(tmp_path: Path, decodings: list[bytes]) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"])
    (root / "a/000.png").write_bytes(b"<html>")
    first = open_dataset(ImageFolderSpec(path=root), kept)
    decodings.clear()
    assert open_dataset(ImageFolderSpec(path=root), kept).report == first.report
    with pytest.raises(DataError) as caught:
        open_dataset(ImageFolderSpec(path=root, on_broken="fail"), kept)
    assert (caught.value.code, decodings) == ("broken_image", [])


def test_what_was_seen_before_a_broken_file_is_kept(tmp_path: Path, decodings: list[bytes]) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"], 50)
    (root / "b/049.png").write_bytes(b"<html>")
    with pytest.raises(DataError):
        open_dataset(ImageFolderSpec(path=root, on_broken="fail"), kept)
    save(root / "b/049.png", picture(99))
    decodings.clear()
    open_dataset(ImageFolderSpec(path=root, on_broken="fail"), kept)
    assert len(decodings) == 1


def test_a_kept_image_does_not_hide_that_its_file_has_changed(tmp_path: Path) -> None:
    root, kept = tmp_path / "photos", tmp_path / "kept"
    fill(root, ["a", "b"])
    dataset = open_dataset(ImageFolderSpec(path=root), kept)
    for file in root.rglob("*.png"):
        file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(DataError) as caught:
        list(dataset.prepare((8,)))
    assert caught.value.code == "data_changed"
