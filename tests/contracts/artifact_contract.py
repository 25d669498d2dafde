"""What every artifact store keeps: each store's test inherits `ArtifactContract`."""

import hashlib
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nas.ports import Artifacts
from search_spaces.errors import ArtifactError

CONTENT = b"a network, for example"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class ArtifactContract:
    """Inherit this in a class whose name begins with `Test`."""

    @pytest.fixture
    def artifacts(self) -> Artifacts:
        """An empty store."""
        raise NotImplementedError

    @abstractmethod
    def damage(self, artifacts: Artifacts, digest: str) -> None:
        """Change the stored content, and every copy of it, behind the store's back."""

    def test_content_is_named_by_its_digest(self, artifacts: Artifacts) -> None:
        assert artifacts.put(CONTENT) == DIGEST
        assert artifacts.get(DIGEST) == CONTENT
        assert artifacts.has(DIGEST)

    def test_the_same_content_is_the_same_artifact(self, artifacts: Artifacts, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(CONTENT)
        assert artifacts.put(CONTENT) == artifacts.put(CONTENT) == artifacts.put_file(path) == DIGEST

    def test_a_file_is_kept_as_it_is(self, artifacts: Artifacts, tmp_path: Path) -> None:
        path = tmp_path / "file"
        path.write_bytes(b"0123456789" * 300_000)
        digest = artifacts.put_file(path)
        assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert artifacts.get(digest) == path.read_bytes()

    def test_nothing_is_content_too(self, artifacts: Artifacts) -> None:
        assert artifacts.get(artifacts.put(b"")) == b""

    @pytest.mark.parametrize("suffix", ["", ".onnx"])
    def test_a_path_leads_to_the_content(self, artifacts: Artifacts, suffix: str) -> None:
        digest = artifacts.put(CONTENT)
        for _ in range(2):
            path = artifacts.local_path(digest, suffix)
            assert path.name.endswith(suffix)
            assert path.read_bytes() == CONTENT

    @pytest.mark.parametrize(
        "digest", ["0" * 64, "", "..", "../" * 21 + "x", DIGEST.upper(), "0" * 63 + "\0"]
    )
    def test_what_is_not_there_is_missing(self, artifacts: Artifacts, digest: str) -> None:
        for ask in (artifacts.get, artifacts.local_path):
            with pytest.raises(ArtifactError) as caught:
                ask(digest)
            assert caught.value.code == "artifact_missing"

    def test_what_is_there_is_listed(self, artifacts: Artifacts) -> None:
        assert artifacts.digests() == set()
        other = artifacts.put(b"another")
        artifacts.local_path(artifacts.put(CONTENT), ".onnx")
        assert artifacts.digests() == {DIGEST, other}
        artifacts.remove(other)
        assert artifacts.digests() == {DIGEST}

    def test_what_was_removed_is_missing(self, artifacts: Artifacts) -> None:
        digest = artifacts.put(CONTENT)
        artifacts.local_path(digest, ".onnx")
        artifacts.remove(digest)
        assert not artifacts.has(digest)
        with pytest.raises(ArtifactError):
            artifacts.local_path(digest, ".onnx")
        artifacts.remove(digest)

    def test_changed_content_is_damaged(self, artifacts: Artifacts) -> None:
        digest = artifacts.put(CONTENT)
        artifacts.local_path(digest, ".onnx")
        self.damage(artifacts, digest)
        assert artifacts.has(digest)
        for suffix in ("", ".onnx"):
            with pytest.raises(ArtifactError) as caught:
                artifacts.local_path(digest, suffix)
            assert caught.value.code == "artifact_damaged"
        with pytest.raises(ArtifactError) as caught:
            artifacts.get(digest)
        assert caught.value.code == "artifact_damaged"

    def test_putting_it_again_mends_what_was_damaged(self, artifacts: Artifacts) -> None:
        digest = artifacts.put(CONTENT)
        self.damage(artifacts, digest)
        assert artifacts.put(CONTENT) == digest
        assert artifacts.get(digest) == CONTENT

    def test_many_may_put_the_same_at_once(self, artifacts: Artifacts) -> None:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(artifacts.put, [CONTENT] * 20)) == {DIGEST}
        assert artifacts.get(DIGEST) == CONTENT
