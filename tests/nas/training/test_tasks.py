"""The tasks of training beyond what the contract of `Compute` says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.task_events import (
    CheckpointDamaged,
    EpochDone,
    NetworkTrained,
    Resumed,
    StoredCheckpoint,
    TensorFiles,
)
from nas.tasks import TrainNetwork
from nas.training.tasks import load_weights, train_network
from nas.workplace import Workplace
from search_spaces.errors import ArtifactError
from search_spaces.network import fixed_space
from tests.contracts.compute_contract import EPOCHS, SHORT, architectures, checkpoints_of, training
from tests.contracts.folder_artifacts import FolderArtifacts


def workplace(tmp_path: Path, name: str = "scratch") -> Workplace:
    return Workplace(FolderArtifacts(tmp_path / "artifacts"), tmp_path / name, tmp_path / "images")


def test_a_checkpoint_that_is_not_there_is_said(tmp_path: Path) -> None:
    gone = StoredCheckpoint(2, checkpoint().files)
    damaged, *rest = train_network(short(checkpoints=(gone,)), workplace(tmp_path))
    assert isinstance(damaged, CheckpointDamaged)
    assert damaged.reason == f"there is no {gone.files.tensors}"
    assert [event.epoch for event in rest if isinstance(event, EpochDone)] == [1]


def checkpoint() -> StoredCheckpoint:
    return StoredCheckpoint(1, TensorFiles("0" * 64, "1" * 64))


def short(**changes: Any) -> TrainNetwork:
    return training(options=SHORT, **changes)


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    *events, end = train_network(training(), workplace(tmp_path))
    kept = checkpoints_of(events)
    again = list(train_network(training(checkpoints=kept[-2:]), workplace(tmp_path, "again")))
    assert again[0] == Resumed(EPOCHS)
    assert isinstance(end, NetworkTrained)
    assert isinstance(again[1], NetworkTrained)
    assert (again[1].weight_hash, again[1].seconds) == (end.weight_hash, end.seconds)


def test_weights_of_another_space_are_refused(tmp_path: Path) -> None:
    place = workplace(tmp_path)
    *_, end = train_network(short(), place)
    assert isinstance(end, NetworkTrained)
    _, space = place.open(short().inputs)
    assert load_weights(end.weights, space, place, "same").space == space
    with pytest.raises(ArtifactError) as caught:
        load_weights(end.weights, fixed_space(space, architectures(1)[0]), place, "other")
    assert caught.value.code == "checkpoint_mismatch"


def test_the_processor_time_of_earlier_processes_is_estimated(tmp_path: Path) -> None:
    *events, end = train_network(training(), workplace(tmp_path))
    first, *_ = checkpoints_of(events)
    *_, resumed = train_network(replace(training(), checkpoints=(first,)), workplace(tmp_path, "again"))
    assert isinstance(end, NetworkTrained)
    assert isinstance(resumed, NetworkTrained)
    assert resumed.cpu_seconds == pytest.approx(end.cpu_seconds, rel=0.6)
