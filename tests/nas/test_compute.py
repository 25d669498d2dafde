import errno
from pathlib import Path

import pytest

from nas.compute import InProcessCompute, as_compute_error
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
        events.close()  # type: ignore[attr-defined]
        assert list((folder / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (MemoryError("no 3 GiB"), "task_out_of_memory", "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "compute_disk_full", "disk"),
        (OSError(errno.EACCES, "Permission denied"), "task_crashed", "crash"),
        (TypeError("first\nsecond"), "task_crashed", "crash"),
    ],
)
def test_unexpected_errors_have_a_kind_of_fault(error: Exception, code: str, fault: str) -> None:
    found = as_compute_error(error)
    assert (found.code, found.fault) == (code, fault)
    assert type(error).__name__ in found.message
    assert "\n" not in found.message
