import errno
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.export.bundle import write_bundle
from search_spaces.errors import ArtifactError, ResourceError, UsageError
from tests.nas.export.cards import example_card

NAMES = {"model.onnx", "architecture.json", "measurements.json", "README.md", "predict.py", "manifest.json"}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_model_is_the_scored_file_to_the_byte(model: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "net", model, example_card(model))
    assert set(contents(tmp_path / "net")) == NAMES
    assert (tmp_path / "net" / "model.onnx").read_bytes() == model.read_bytes()


def test_the_manifest_lists_every_other_file_with_its_digest(model: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "net", model, example_card(model))
    found = contents(tmp_path / "net")
    manifest = json.loads(found.pop("manifest.json"))
    assert manifest["format"] == "hwnas-bundle/1"
    assert manifest["files"] == {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in found.items()
    }


def test_equal_networks_give_equal_folders(model: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "first", model, example_card(model))
    write_bundle(tmp_path / "elsewhere" / "second", model, example_card(model))
    assert contents(tmp_path / "first") == contents(tmp_path / "elsewhere" / "second")


def test_another_file_than_the_scored_one_is_refused(model: Path, tmp_path: Path) -> None:
    card = example_card(model)
    other = tmp_path / "other.onnx"
    other.write_bytes(model.read_bytes() + b"\0")
    with pytest.raises(ArtifactError) as caught:
        write_bundle(tmp_path / "net", other, card)
    assert caught.value.code == "wrong_file"
    assert not (tmp_path / "net").exists()


def test_a_bundle_is_replaced_as_a_whole(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    write_bundle(folder, model, example_card(model))
    (folder / "model.onnx").write_bytes(b"cut short")
    (folder / "predict.py").unlink()
    write_bundle(folder, model, example_card(model, "another"))
    assert set(contents(folder)) == NAMES
    assert (folder / "model.onnx").read_bytes() == model.read_bytes()
    assert json.loads(contents(folder)["measurements.json"])["provenance"]["dataset"] == "another"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize(
    "mine",
    [
        {"photo.jpg": b"mine"},
        {"manifest.json": b'{"name": "x"}', "index.js": b"mine"},
        {"manifest.json": b'{"name": "x"}'},
        {"manifest.json": b"[1]"},
        {"manifest.json": b"\xff no JSON"},
    ],
)
def test_a_folder_of_the_user_is_left_alone(mine: dict[str, bytes], model: Path, tmp_path: Path) -> None:
    for name, content in mine.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        write_bundle(tmp_path, model, example_card(model))
    assert caught.value.code == "folder_in_use"
    assert contents(tmp_path) == mine


def test_what_a_user_has_put_beside_the_files_of_a_bundle_keeps_it_as_it_is(
    model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    write_bundle(folder, model, example_card(model))
    (folder / "app.py").write_bytes(b"mine")
    before = contents(folder)
    with pytest.raises(UsageError) as caught:
        write_bundle(folder, model, example_card(model, "another"))
    assert caught.value.code == "folder_in_use"
    assert contents(folder) == before
    (folder / "app.py").unlink()
    (folder / "data").mkdir()
    with pytest.raises(UsageError):
        write_bundle(folder, model, example_card(model, "another"))
    assert (folder / "data").is_dir()


def test_an_empty_folder_is_filled_and_stays_the_same_one(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    inode = folder.stat().st_ino
    monkeypatch.chdir(folder)
    write_bundle(Path(), model, example_card(model))
    assert folder.stat().st_ino == inode
    assert {path.name for path in Path().iterdir()} == NAMES


def test_the_manifest_of_a_folder_that_is_filled_comes_last(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, there = os.fsync, list[set[str]]()

    def fsync(descriptor: int) -> None:
        real(descriptor)
        there.append({path.name for path in tmp_path.iterdir()} & NAMES)

    monkeypatch.setattr(os, "fsync", fsync)
    write_bundle(tmp_path, model, example_card(model))
    assert NAMES - {"manifest.json"} in there
    assert [found for found in there if "manifest.json" in found] == [NAMES]


def full_after(num_files: int) -> Callable[[int], None]:
    """An fsync on a disk that is full after so many files."""
    real, calls = os.fsync, []

    def fsync(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > num_files:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    return fsync


@pytest.mark.parametrize("num_files", [0, 3, 7])
def test_on_a_full_disk_nothing_half_written_is_left(
    num_files: int, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "net"
    write_bundle(folder, model, example_card(model))
    before = contents(folder)
    card = example_card(model, "another")
    monkeypatch.setattr(os, "fsync", full_after(num_files))
    with pytest.raises(ResourceError) as caught:
        write_bundle(folder, model, card)
    assert caught.value.code == "disk_full"
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


@pytest.mark.parametrize("num_files", [0, 3, 11])
def test_on_a_full_disk_an_empty_folder_stays_empty(
    num_files: int, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = example_card(model)
    monkeypatch.setattr(os, "fsync", full_after(num_files))
    with pytest.raises(ResourceError) as caught:
        write_bundle(tmp_path, model, card)
    assert caught.value.code == "disk_full"
    assert contents(tmp_path) == {}


def test_what_a_killed_process_left_is_removed(model: Path, tmp_path: Path) -> None:
    (tmp_path / ".net.partial").mkdir()
    (tmp_path / ".net.partial" / "half").write_bytes(b"x")
    write_bundle(tmp_path / "net", model, example_card(model))
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
    assert set(contents(tmp_path / "net")) == NAMES


def test_a_bundle_may_be_written_into_the_current_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_bundle(Path("net"), model, example_card(model))
    assert set(contents(tmp_path / "net")) == NAMES
    with pytest.raises(UsageError):
        write_bundle(Path(), model, example_card(model))


def test_the_old_bundle_comes_back_where_the_new_one_cannot_take_its_place(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "net"
    write_bundle(folder, model, example_card(model))
    before = contents(folder)
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name == ".net.partial":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    card = example_card(model, "another")
    with pytest.raises(ResourceError):
        write_bundle(folder, model, card)
    assert contents(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]
