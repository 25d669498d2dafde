"""The tasks of exporting beyond what the contract of `Compute` says."""

from pathlib import Path

import pytest

from nas.export.classifier import read_metadata
from nas.export.tasks import export_networks, score_exported
from nas.task_events import NetworkExported, NetworkTrained
from nas.tasks import ExportNetworks, ScoreFile, WholeSpace
from nas.training.tasks import train_network
from nas.training_options import Augmentation
from nas.workplace import Workplace
from search_spaces.errors import ArtifactError
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
