"""Bodies that are streamed: whole in the store, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from api import uploads
from nas.data import archive
from nas.settings import Settings
from tests.api.served import Caller, code, served
from tests.nas.data.zips import folder_zip, link_zip, zipped

ADDRESS = "/v1/datasets?name=pets"
ZIP = "application/zip"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Caller]:
    with served(tmp_path / "home") as caller:
        yield caller


def left(home: Path) -> list[Path]:
    """Files of the artifact store and of the scratch folder."""
    return [path for name in ("artifacts", "scratch") for path in (home / name).rglob("*") if path.is_file()]


def test_what_is_refused_leaves_nothing(api: Caller, tmp_path: Path) -> None:
    for content in (b"no zip", link_zip("/etc/passwd"), folder_zip()[:-5], zipped({"a.png": bytes(2**24)})):
        assert api.send(ADDRESS, content, ZIP).status_code == 422
    assert code(api.send(ADDRESS, b"", ZIP)) == (422, "empty_body")
    assert left(tmp_path / "home") == []
    assert api.get("/v1/datasets").json()["items"] == []


def test_more_bytes_than_are_taken_are_not_read(
    api: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_UPLOAD_BYTES", 1_000)
    assert code(api.send(ADDRESS, bytes(1_001), ZIP)) == (413, "body_too_large")
    headers = api.headers({"content-type": ZIP})
    # Without a length: the bytes are counted.
    pieces = iter([bytes(500)] * 50)
    answer = api.client.post(ADDRESS, content=pieces, headers=headers)
    assert code(answer) == (413, "body_too_large")
    assert left(tmp_path / "home") == []


def test_a_body_that_pauses_is_given_up(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOAD_S", -1.0)
    assert code(api.send(ADDRESS, folder_zip(), ZIP)) == (408, "body_too_slow")


def test_a_full_disk_is_told(api: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(request: object, path: Path, room: int) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "_write", full)
    assert code(api.send(ADDRESS, folder_zip(), ZIP)) == (507, "disk_full")
    assert left(tmp_path / "home") == []


def test_limits_of_archives_hold_here_too(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    assert code(api.send(ADDRESS, folder_zip(), ZIP)) == (422, "oversized_archive")


def test_the_scratch_folder_is_that_of_the_home(api: Caller, tmp_path: Path) -> None:
    assert api.send(ADDRESS, folder_zip(), ZIP).status_code == 202
    assert Settings(home=tmp_path / "home").home.joinpath("scratch").is_dir()
    assert len([path for path in left(tmp_path / "home") if "scratch" in path.parts]) == 0


def test_a_tenant_stores_so_much(api: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = folder_zip(4)
    assert api.send(ADDRESS, content, ZIP).status_code == 202
    assert api.stores.datasets.stored_bytes("local") == len(content)
    monkeypatch.setattr(type(api.stores.datasets), "stored_bytes", lambda self, tenant: 100 * 10**9 - 10)
    kept = left(tmp_path / "home")
    assert code(api.send("/v1/datasets?name=more", content, ZIP)) == (409, "too_much_stored")
    assert left(tmp_path / "home") == kept
