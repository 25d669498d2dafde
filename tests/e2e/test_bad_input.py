"""What is wrong with a specification or with data is one line with a code, and leaves nothing behind."""

import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import hwnas
from nas.jobs import JobState
from tests.e2e.command import DOCUMENT, copied, jobs_of, opened

Sink = pytest.CaptureFixture[str]


@dataclass
class Command:
    """`hwnas search` in this process."""

    folder: Path
    capture: Sink

    def search(self, document: object, *options: str) -> tuple[int, str, str]:
        """Return the exit status and what was written to both streams."""
        spec = self.folder / "spec.yaml"
        spec.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
        self.capture.readouterr()
        status = hwnas.run(["search", str(spec), *options])
        written = self.capture.readouterr()
        return status, written.out, written.err


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Sink) -> Command:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    return Command(tmp_path, capsys)


def refused(command: Command, document: object) -> tuple[int, str, str]:
    """Return exit status, code and message, which have to be one line, the same for people and programs."""
    status, answer, told = command.search(document)
    assert answer == ""
    assert told.count("\n") == 1, told
    code, _, message = told.removeprefix("error[").rstrip("\n").partition("]: ")
    again, answer, told = command.search(document, "--json")
    assert (again, told) == (status, "")
    assert json.loads(answer) == {"error": {"code": code, "message": message}}
    assert_nothing_begun(command.folder / "home")
    return status, code, message


def assert_nothing_begun(home: Path) -> None:
    """Assert that there is no job, and that no worker was started."""
    assert jobs_of(home) == []
    assert not (home / "searches").exists()
    assert not (home / "worker.log").exists()


def digits(**changes: object) -> dict[str, Any]:
    return {"dataset": {"name": "digits"}, **changes}


@pytest.mark.parametrize(
    ("document", "code", "named"),
    [
        (digits(space={"name": "darts"}), "unknown_space", "mobilenet_v3"),
        (digits(space={"name": "nas_bench_201", "preset": "huge"}), "unknown_preset", "tiny"),
        ({"dataset": {"name": "imagenet"}}, "invalid_spec", "image_folder"),
        (digits(targets=[{"device": "the pi"}]), "invalid_spec", "targets.0.device"),
        (digits(export={"formats": ["tflite"]}), "invalid_spec", "export.formats.0"),
        (digits(targets=[{"limits": {"speed": 1}}]), "invalid_spec", "targets.0.limits.speed"),
        (digits(search={"strategy": "luck"}), "invalid_spec", "search.strategy"),
        (digits(surprise=1), "invalid_spec", "surprise"),
        ("dataset: {name: digits", "invalid_yaml", "spec.yaml"),
        ("", "invalid_spec", "spec.yaml"),
        ({"dataset": {"name": "image_folder", "path": "nowhere"}}, "dataset_not_found", "nowhere"),
        ({"dataset": {"name": "cifar10", "path": "nowhere.tar.gz"}}, "dataset_not_found", "nowhere"),
        ({"dataset": {"name": "arrays", "path": "nowhere.npz"}}, "dataset_not_found", "nowhere"),
    ],
)
def test_a_wrong_name_is_wrong_usage(document: object, code: str, named: str, command: Command) -> None:
    status, found, message = refused(command, document)
    assert (status, found) == (2, code)
    assert named in message


def picture(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (12, 12, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def pictures(folder: Path, per_class: int = 12) -> Path:
    for number, name in enumerate(("cat", "dog")):
        for index in range(per_class):
            picture(folder / name / f"{index}.png", 100 * number + index)
    return folder


def broken_picture(folder: Path) -> dict[str, Any]:
    path = pictures(folder) / "cat" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    return {"name": "image_folder", "on_broken": "fail"}


def too_many_broken(folder: Path) -> dict[str, Any]:
    for path in (pictures(folder) / "dog").glob("[0-5].png"):
        path.write_bytes(b"no image")
    return {"name": "image_folder"}


def empty_class(folder: Path) -> dict[str, Any]:
    (pictures(folder) / "fish").mkdir()
    return {"name": "image_folder"}


def no_picture(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    return {"name": "image_folder"}


def one_class(folder: Path) -> dict[str, Any]:
    shutil.rmtree(pictures(folder) / "dog")
    return {"name": "image_folder"}


def one_picture_each(folder: Path) -> dict[str, Any]:
    pictures(folder, per_class=1)
    return {"name": "image_folder"}


def truncated_archive(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as archive:
        facts = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        facts.size = 100_000
        archive.addfile(facts, io.BytesIO(np.random.default_rng(0).bytes(100_000)))
    path = folder / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[:50_000])
    return {"name": "cifar10", "path": str(path)}


def fewer_images_than_classes(folder: Path) -> dict[str, Any]:
    return {"name": "shapes", "num_train": 3, "num_validation": 4, "num_test": 4, "num_classes": 10}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (broken_picture, "broken_image"),
        (too_many_broken, "too_many_broken"),
        (empty_class, "empty_class"),
        (no_picture, "no_images"),
        (one_class, "too_few_classes"),
        (one_picture_each, "too_few_images"),
        (truncated_archive, "truncated_archive"),
        (fewer_images_than_classes, "too_few_images"),
    ],
)
def test_bad_data_fail_before_anything_begins(
    make: Callable[[Path], dict[str, Any]], code: str, command: Command
) -> None:
    folder = command.folder / "data"
    dataset = make(folder)
    if dataset["name"] == "image_folder":
        dataset["path"] = str(folder)
    status, found, _ = refused(command, {"dataset": dataset})
    assert (status, found) == (1, code)


# The host may have to be measured first.
@pytest.mark.timeout(400)
def test_a_limit_nobody_can_meet_is_told_before_training(command: Command, profiled: Path) -> None:
    home = copied(profiled, command.folder / "home")
    document = {**DOCUMENT, "targets": [{"limits": {"latency_ms": 1e-4}}]}
    status, answer, _ = command.search(document, "--json")
    error = json.loads(answer)["error"]
    assert (status, error["code"]) == (1, "infeasible_limits")
    assert "latency_ms <= 0.0001" in error["message"]
    assert "the nearest reachable value is" in error["message"]
    (job,) = jobs_of(home)
    assert job.state is JobState.INFEASIBLE
    with opened(home) as stores:
        assert stores.supernets.list_all("local") == ()
