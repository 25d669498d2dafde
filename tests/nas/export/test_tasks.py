"""The tasks of exporting beyond what the contract of `Compute` says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors.anchors import default_anchors
from latency_predictors.device import host_device
from latency_predictors.runtimes.onnxruntime_arena import ArenaReading, read_arena
from nas.export import tasks
from nas.export.classifier import read_metadata
from nas.export.tasks import export_networks, read_runtime_arena, score_exported
from nas.task_events import ArenaRead, NetworkExported, NetworkTrained
from nas.tasks import ExportNetworks, ReadArena, ScoreFile, WholeSpace
from nas.training.tasks import train_network
from nas.training_options import Augmentation
from nas.workplace import Workplace
from search_spaces.errors import ArtifactError, MeasurementError
from tests.contracts.compute_contract import SEED, SHORT, architectures, inputs, training
from tests.contracts.folder_artifacts import FolderArtifacts


def test_files_are_in_the_store_and_say_what_they_are(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    workplace = Workplace(artifacts, tmp_path / "scratch", tmp_path / "images")
    *_, end = train_network(training(options=SHORT), workplace)
    assert isinstance(end, NetworkTrained)
    task = ExportNetworks(inputs(), WholeSpace(), end.weights, architectures(2), SEED, Augmentation())
    first, second = export_networks(task, workplace)
    assert isinstance(first, NetworkExported)
    assert isinstance(second, NetworkExported)
    for event in (first, second):
        metadata = read_metadata(artifacts.local_path(event.file, ".onnx"))
        assert metadata.architecture_digest == event.architecture_digest
        assert metadata.dataset_digest == inputs().dataset_digest
    again = next(export_networks(task, workplace))
    assert isinstance(again, NetworkExported)
    assert again.file == first.file != second.file


def test_what_is_no_network_is_not_scored(tmp_path: Path) -> None:
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    workplace = Workplace(artifacts, tmp_path / "scratch", tmp_path / "images")
    digest = artifacts.put(b"no network")
    with pytest.raises(ArtifactError) as caught:
        next(score_exported(ScoreFile(inputs(), digest, "test"), workplace))
    assert caught.value.code == "damaged_file"


def arena_of(task: ReadArena, workplace: Workplace) -> int | None:
    """Return what a task says that the arena held."""
    (event,) = read_runtime_arena(task, workplace)
    assert isinstance(event, ArenaRead)
    return event.held_bytes


def test_the_arena_is_read_on_the_device_that_it_is_asked_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    workplace = Workplace(artifacts, tmp_path / "scratch", tmp_path / "images")
    path = default_anchors("onnx")[0].path
    task = ReadArena(artifacts.put(path.read_bytes()), host_device().digest)
    assert arena_of(task, workplace) == read_arena(path).steady_bytes
    assert arena_of(replace(task, device="another"), workplace) is None

    def failing(code: str) -> Callable[[Path], ArenaReading]:
        def fails(_: Path) -> ArenaReading:
            raise MeasurementError(code, "not to be had")

        return fails

    monkeypatch.setattr(tasks, "read_arena", failing("arena_not_readable"))
    assert arena_of(task, workplace) is None
    monkeypatch.setattr(tasks, "read_arena", failing("file_not_loadable"))
    with pytest.raises(MeasurementError, match="not to be had"):
        arena_of(task, workplace)
