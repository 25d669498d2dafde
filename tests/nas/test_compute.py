from pathlib import Path

import pytest

from nas.compute import InProcessCompute
from nas.ports import Compute
from tests.contracts.compute_contract import ComputeContract, training
from tests.contracts.folder_artifacts import FolderArtifacts


class TestInProcessCompute(ComputeContract):
    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return tmp_path_factory.mktemp("in-process")

    @pytest.fixture(scope="class")
    @classmethod
    def compute(cls, artifacts: FolderArtifacts, folder: Path) -> Compute:
        return InProcessCompute(artifacts, folder)

    def test_nothing_is_left_in_the_scratch_folder(self, compute: Compute, folder: Path) -> None:
        events = compute.run(training())
        next(events)
        assert list((folder / "scratch").iterdir())
        events.close()
        assert list((folder / "scratch").iterdir()) == []
