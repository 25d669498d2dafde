"""One verified network becomes a folder that can be handed on."""

import json
import shutil
from pathlib import Path

import pytest

from nas.pipeline.deliver import deliver
from nas.results import VerifiedNetwork
from nas.store.run_folder import RunFolder
from search_spaces.errors import ArtifactError, UsageError
from tests.nas.pipeline.conftest import FinishedSearch


def write(
    finished: FinishedSearch, folder: Path, network: VerifiedNetwork, run: RunFolder | None = None
) -> Path:
    return deliver(
        run or finished.run,
        network,
        finished.target,
        folder,
        why="it was asked for",
        supernet=finished.result.supernet,
        versions=finished.result.versions,
    )


def test_any_verified_network_can_be_delivered(finished: FinishedSearch, tmp_path: Path) -> None:
    network = finished.target.networks[-1]
    folder = write(finished, tmp_path / "bundle", network)
    told = json.loads((folder / "measurements.json").read_text())
    assert "it was asked for" in (folder / "README.md").read_text()
    assert finished.run.id in json.dumps(told)
    assert (folder / "model.onnx").stat().st_size == network.file_bytes


def test_stock_networks_are_delivered_too(finished: FinishedSearch, tmp_path: Path) -> None:
    """They were trained alone, so no supernet is named."""
    (resnet,) = finished.result.references
    folder = write(finished, tmp_path / "resnet", resnet)
    assert finished.result.supernet.key not in (folder / "measurements.json").read_text()


def test_delivering_again_replaces_the_bundle(finished: FinishedSearch, tmp_path: Path) -> None:
    first, second = finished.target.networks[0], finished.target.networks[-1]
    write(finished, tmp_path / "bundle", first)
    write(finished, tmp_path / "bundle", second)
    assert (tmp_path / "bundle" / "model.onnx").stat().st_size == second.file_bytes
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_folder_that_holds_something_else_is_not_touched(finished: FinishedSearch, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError) as caught:
        write(finished, tmp_path, finished.target.networks[0])
    assert caught.value.code == "folder_in_use"
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_that_is_not_what_was_scored_is_not_delivered(
    finished: FinishedSearch, tmp_path: Path
) -> None:
    network = finished.target.networks[0]
    shutil.copytree(finished.run.path, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    path = run.network_path(network.file_sha256)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError) as caught:
        write(finished, tmp_path / "bundle", network, run)
    assert caught.value.code == "wrong_file"
    assert not (tmp_path / "bundle").exists()
