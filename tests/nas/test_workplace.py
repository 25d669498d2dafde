import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nas.data.catalogue import open_dataset
from nas.data.spec import DigitsSpec, UploadedSpec
from nas.specs import SpaceSpec
from nas.task_events import TensorFiles
from nas.tasks import Inputs, StockNetwork, TunedSubnet, WholeSpace
from nas.training.weights import load_supernet, save_supernet
from nas.workplace import Workplace, clear_scratch, network_space, scratch_folder, space_for, stock_space
from search_spaces.base import Architecture, Space, space_digest
from search_spaces.errors import ArtifactError, DataError
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space, layers
from search_spaces.sampling import as_architecture, largest
from tests.contracts.compute_contract import inputs
from tests.contracts.folder_artifacts import FolderArtifacts
from tests.nas.data.zips import folder_zip


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(FolderArtifacts(tmp_path / "artifacts"), tmp_path / "scratch", tmp_path / "images")


def test_images_and_space_are_those_of_the_task(workplace: Workplace) -> None:
    dataset, space = workplace.open(inputs())
    assert dataset.digest == inputs().dataset_digest
    assert space is space_for(SpaceSpec(), dataset)
    assert workplace.open(inputs())[0] is dataset


def test_other_images_are_refused(workplace: Workplace) -> None:
    changed = replace(inputs(), dataset_digest="f" * 64)
    with pytest.raises(DataError, match="not ffffffffffff") as caught:
        workplace.open(changed)
    assert caught.value.code == "data_changed"


def test_weights_come_back_from_the_store(workplace: Workplace, tmp_path: Path) -> None:
    space = fixed_space(*_largest())
    path = tmp_path / "supernet.safetensors"
    save_supernet(path, Supernet(space, seed=3))
    files = workplace.keep(path)
    placed = workplace.place(files, workplace.scratch / "other" / "supernet.safetensors")
    assert placed.read_bytes() == path.read_bytes()
    assert load_supernet(placed, space).state_dict().keys() == Supernet(space).state_dict().keys()


def test_files_that_are_not_stored_are_not_placed(workplace: Workplace) -> None:
    with pytest.raises(ArtifactError, match="artifact_missing|there is no"):
        workplace.place(TensorFiles("0" * 64, "1" * 64), workplace.scratch / "x.safetensors")


def test_uploaded_images_are_opened_from_the_store_once(workplace: Workplace) -> None:
    file = workplace.artifacts.put(folder_zip())
    spec = UploadedSpec(file=file, content="images")
    whole = open_dataset(spec, None, workplace.artifacts.local_path)
    inputs = Inputs(spec, whole.digest, SpaceSpec())
    dataset, _ = workplace.open(inputs)
    assert dataset.class_names == ("cat", "dog")
    again = replace(workplace, artifacts=FolderArtifacts(workplace.scratch / "empty"))
    assert again.open(inputs)[0] is dataset
    # Look-alikes are told once, where the task was made.
    assert whole.report.findings.near_duplicates is not None
    assert dataset.report.findings.near_duplicates is None


def test_each_network_has_a_space(workplace: Workplace) -> None:
    space, architecture = _largest()
    dataset = open_dataset(DigitsSpec())
    assert network_space(WholeSpace(), space, dataset) is space
    tuned = network_space(TunedSubnet(architecture, TensorFiles("", "")), space, dataset)
    assert layers(tuned, ()) == layers(space, architecture)
    stock = network_space(StockNetwork("resnet"), space, dataset)
    assert space_digest(stock) == space_digest(stock_space("resnet", space, dataset))
    assert layers(stock, ())[0].in_shape == (1, 32, 32)


def test_scratch_is_gone_at_the_end(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        (folder / "file").write_text("x")
    assert list(tmp_path.iterdir()) == []


def test_scratch_of_killed_processes_is_removed(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, kept = tmp_path / f"{ended.pid}-0123", tmp_path / f"{os.getpid()}-0123"
    for folder in (left, kept):
        folder.mkdir()
        (folder / "checkpoint").write_text("x")
    with scratch_folder(tmp_path):
        assert not left.exists()
        assert kept.exists()


def test_scratch_of_a_process_that_nobody_has_waited_for_is_removed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as ended:
        assert ended.stdout is not None
        ended.stdout.read()
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        left = tmp_path / f"{ended.pid}-0123"
        left.mkdir()
        clear_scratch(tmp_path)
        assert not left.exists()


def _largest() -> tuple[Space, Architecture]:
    space = space_for(SpaceSpec(), open_dataset(DigitsSpec()))
    return space, as_architecture(largest(space)[0])
