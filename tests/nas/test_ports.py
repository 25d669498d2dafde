"""The protocols are kept by what stands behind them: mypy checks the assignments, the contracts the rest."""

from pathlib import Path

import pytest

from nas.compute import InProcessCompute
from nas.ports import Artifacts, Compute
from search_spaces.errors import ArtifactError
from tests.contracts.folder_artifacts import FolderArtifacts


def test_artifacts_of_the_tests_keep_what_the_port_promises(tmp_path: Path) -> None:
    store = FolderArtifacts(tmp_path)
    artifacts: Artifacts = store
    digest = artifacts.put(b"content")
    assert artifacts.put(b"content") == digest
    assert artifacts.get(digest) == b"content"
    local = artifacts.local_path(digest, ".onnx")
    assert local.name.endswith(".onnx")
    assert artifacts.put_file(local) == digest
    store.damage(digest)
    assert artifacts.has(digest)
    with pytest.raises(ArtifactError) as damaged:
        artifacts.get(digest)
    assert damaged.value.code == "artifact_damaged"
    artifacts.remove(digest)
    artifacts.remove(digest)
    with pytest.raises(ArtifactError) as missing:
        artifacts.local_path(digest)
    assert missing.value.code == "artifact_missing"


def test_tasks_run_in_this_process(tmp_path: Path) -> None:
    compute: Compute = InProcessCompute(FolderArtifacts(tmp_path), tmp_path)
    assert compute.run is not None
