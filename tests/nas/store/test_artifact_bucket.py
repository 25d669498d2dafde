"""Artifacts in S3, against a server that the tests start; and what is wrong with an address."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3fs import S3FileSystem

from nas.ports import Artifacts
from nas.store.artifact_bucket import ArtifactBucket
from search_spaces.errors import StoreError, UsageError
from tests.contracts.artifact_contract import CONTENT, ArtifactContract

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server."""
    # Port 0 would be told nowhere but in the log, which is read here.
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    address = ""
    for line in process.stderr:
        if "http://127.0.0.1:" in line:
            address = line[line.index("http://") :].split()[0]
            break
    try:
        yield address
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty bucket."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    name = f"test-{abs(hash(request.node.nodeid)):x}"
    S3FileSystem().mkdir(name)
    yield f"s3://{name}/artifacts"
    S3FileSystem.clear_instance_cache()


class TestArtifactBucket(ArtifactContract):
    """A bucket keeps the contract."""

    @pytest.fixture
    def artifacts(self, bucket: str, tmp_path: Path) -> Artifacts:
        """An empty bucket."""
        return ArtifactBucket(bucket, tmp_path / "cache")

    def damage(self, artifacts: Artifacts, digest: str) -> None:
        """Change the object, and the copy of it."""
        assert isinstance(artifacts, ArtifactBucket)
        own = vars(artifacts)
        own["_system"].pipe_file(f"{own['_root']}/{digest[:2]}/{digest}", b"wrong")
        own["_cache"].remove(digest)


def test_another_machine_finds_what_one_has_put(bucket: str, tmp_path: Path) -> None:
    digest = ArtifactBucket(bucket, tmp_path / "one").put(CONTENT)
    other = ArtifactBucket(bucket, tmp_path / "two")
    assert other.has(digest)
    assert other.get(digest) == CONTENT
    assert other.local_path(digest, ".onnx").read_bytes() == CONTENT


def test_a_damaged_copy_is_fetched_again(bucket: str, tmp_path: Path) -> None:
    artifacts = ArtifactBucket(bucket, tmp_path / "cache")
    digest = artifacts.put(CONTENT)
    path = artifacts.local_path(digest)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert artifacts.get(digest) == CONTENT


def test_a_copy_serves_when_the_server_is_gone(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = ArtifactBucket(bucket, tmp_path / "cache").put(CONTENT)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gone)
    S3FileSystem.clear_instance_cache()
    artifacts = ArtifactBucket(bucket, tmp_path / "cache")
    assert artifacts.get(digest) == CONTENT
    with pytest.raises(StoreError) as caught:
        artifacts.put(b"something new")
    assert caught.value.code == "artifacts_unreachable"


def test_a_protocol_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ArtifactBucket("gopher3://bucket", tmp_path)
    assert caught.value.code == "invalid_artifact_url"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(vars(sys.modules["fsspec.registry"])["_registry"], "s3", raising=False)
    with pytest.raises(UsageError, match="pip install 'hwnas\\[s3\\]'") as caught:
        ArtifactBucket("s3://bucket", tmp_path)
    assert caught.value.code == "missing_package"
