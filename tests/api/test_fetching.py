import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.connection import Connection, UnavailableError
from api.fetching import fetch
from search_spaces.errors import ArtifactError, UsageError

CONTENT = b"model" * 50_000
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"


def line(*answers: httpx.Response) -> Connection:
    """To a service that gives one answer after another."""
    following = iter(answers)
    return Connection(
        "http://nas.example",
        transport=httpx.MockTransport(lambda request: next(following)),
        pause=lambda seconds: None,
    )


def whole(digest: str | None = DIGEST) -> httpx.Response:
    return httpx.Response(200, content=CONTENT, headers={"repr-digest": digest} if digest else {})


def cut_off() -> httpx.Response:
    def halves() -> Iterator[bytes]:
        yield CONTENT[:1000]
        raise httpx.ReadError("cut")

    return httpx.Response(200, content=halves(), headers={"repr-digest": DIGEST})


def test_a_file_is_put_where_it_is_wanted(tmp_path: Path) -> None:
    assert fetch(line(whole()), "/x", tmp_path, "net.onnx") == tmp_path / "net.onnx"
    assert fetch(line(whole()), "/x", str(tmp_path / "new" / "other"), "net.onnx").read_bytes() == CONTENT
    (tmp_path / "old").write_bytes(b"before")
    assert fetch(line(whole()), "/x", tmp_path / "old", "net.onnx").read_bytes() == CONTENT


def test_a_cut_is_mended(tmp_path: Path) -> None:
    found = fetch(line(cut_off(), cut_off(), whole()), "/x", tmp_path / "net.onnx", "net.onnx")
    assert found.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [found]


@pytest.mark.parametrize("digest", [None, "sha-256=:AAAA:"])
def test_a_file_that_is_another_is_not_kept(tmp_path: Path, digest: str | None) -> None:
    (tmp_path / "net.onnx").write_bytes(b"before")
    with pytest.raises(ArtifactError) as caught:
        fetch(line(whole(digest)), "/x", tmp_path / "net.onnx", "net.onnx")
    assert caught.value.code == "download_damaged"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"net.onnx": b"before"}


def test_nothing_is_left_behind_where_nothing_comes(tmp_path: Path) -> None:
    refused = httpx.Response(404, json={"code": "unknown_network", "detail": "none"})
    with pytest.raises(UsageError):
        fetch(line(refused), "/x", tmp_path, "net.onnx")
    with pytest.raises(UnavailableError):
        fetch(line(*(cut_off() for _ in range(6))), "/x", tmp_path, "net.onnx")
    assert list(tmp_path.iterdir()) == []
