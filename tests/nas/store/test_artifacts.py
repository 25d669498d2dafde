"""Which store an address means."""

from pathlib import Path

import pytest

from nas.store.artifact_bucket import ArtifactBucket
from nas.store.artifact_folder import ArtifactFolder
from nas.store.artifacts import open_artifacts


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_folder_needs_no_protocol(tmp_path: Path, form: str) -> None:
    artifacts = open_artifacts(form.format(tmp_path / "kept"), tmp_path / "cache")
    assert isinstance(artifacts, ArtifactFolder)
    artifacts.put(b"content")
    assert (tmp_path / "kept").is_dir()
    assert not (tmp_path / "cache").exists()


def test_any_other_protocol_is_a_bucket_with_a_cache(tmp_path: Path) -> None:
    artifacts = open_artifacts("memory://kept", tmp_path / "cache")
    assert isinstance(artifacts, ArtifactBucket)
    digest = artifacts.put(b"content")
    assert artifacts.get(digest) == b"content"
