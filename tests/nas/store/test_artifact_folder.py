"""Artifacts in a folder: durable, whole or absent, and nothing left by those who were killed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nas.ports import Artifacts
from nas.store.artifact_folder import ArtifactFolder
from search_spaces.errors import ArtifactError
from tests.contracts.artifact_contract import CONTENT, ArtifactContract

KILLED = """
import os, signal, sys
from pathlib import Path
from nas.store.artifact_folder import ArtifactFolder
artifacts = ArtifactFolder(Path(sys.argv[1]))
def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[2], die)
artifacts.put(b"new content")
"""


def files(root: Path) -> list[Path]:
    """Every file of a store."""
    return sorted(path for path in root.rglob("*") if path.is_file())


class TestArtifactFolder(ArtifactContract):
    """The folder keeps the contract."""

    @pytest.fixture
    def artifacts(self, tmp_path: Path) -> Artifacts:
        """An empty folder."""
        return ArtifactFolder(tmp_path / "artifacts")

    def damage(self, artifacts: Artifacts, digest: str) -> None:
        """Flip a bit of the file."""
        (path,) = (Path(name) for name in self.roots(artifacts).rglob(digest))
        content = bytearray(path.read_bytes())
        content[3] ^= 1
        path.chmod(0o644)
        path.write_bytes(content)

    @staticmethod
    def roots(artifacts: Artifacts) -> Path:
        """The folder of a store."""
        root: Path = vars(artifacts)["_root"]
        return root


@pytest.mark.parametrize("moment", ["fsync", "fchmod"])
def test_a_killed_writer_leaves_nothing_that_outlives_the_next_start(
    tmp_path: Path, repository: Path, moment: str
) -> None:
    kept = ArtifactFolder(tmp_path).put(CONTENT)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), moment],
        cwd=repository,
        env={**os.environ, "PYTHONPATH": "."},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(files(tmp_path)) == 2, "what it was writing is there"
    artifacts = ArtifactFolder(tmp_path)
    assert [path.name for path in files(tmp_path)] == [kept]
    assert artifacts.get(kept) == CONTENT


def test_a_start_leaves_alone_what_is_being_written(tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path)
    with artifacts.incoming() as path:
        ArtifactFolder(tmp_path)
        assert path.exists()
    assert files(tmp_path) == []


def test_artifacts_are_not_writable(tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path)
    path = artifacts.local_path(artifacts.put(CONTENT))
    assert path.stat().st_mode & 0o777 == 0o444


def test_a_thousand_mutations_are_detected(tmp_path: Path) -> None:
    artifacts = ArtifactFolder(tmp_path)
    original = random.Random(0).randbytes(20_000)
    digest = artifacts.put(original)
    path = artifacts.local_path(digest)
    path.chmod(0o644)
    rng = random.Random(1)
    detected = 0
    for _ in range(1_000):
        content = bytearray(original)
        match rng.randrange(4):
            case 0:
                content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
            case 1:
                del content[rng.randrange(len(content)) :]
            case 2:
                content += rng.randbytes(rng.randrange(1, 100))
            case _:
                begin = rng.randrange(len(content) - 512)
                content[begin : begin + 512] = bytes(512)
        path.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            artifacts.get(digest)
        detected += caught.value.code == "artifact_damaged"
    assert detected == 1_000


def test_a_copy_in_the_place_of_a_name_is_not_trusted(tmp_path: Path) -> None:
    """Some tools copy what a link points to."""
    store = ArtifactFolder(tmp_path)
    digest = store.put(b"content")
    named = store.local_path(digest, ".onnx")
    named.unlink()
    named.write_bytes(b"something else")
    assert store.local_path(digest, ".onnx").read_bytes() == b"content"
