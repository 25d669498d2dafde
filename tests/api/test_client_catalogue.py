"""What a client asks beside searches."""

from pathlib import Path

import httpx
import pytest

from api import client_catalogue
from api.client import Client
from search_spaces.errors import HwnasError, UsageError
from tests.api.running import running
from tests.nas.data.zips import folder_zip


def test_images_are_uploaded(tmp_path: Path) -> None:
    packed = tmp_path / "pets.zip"
    packed.write_bytes(folder_zip())
    with running(tmp_path / "home") as service, service.client() as client:
        added = client.upload("my pets", packed)
        assert client.upload("my pets", packed) == added == client.dataset("my pets")
        assert list(client.datasets()) == [added]
        grouped = client.upload("grouped", packed, {"group_by": "folder", "channels": 1})
        assert (grouped.spec["group_by"], grouped.spec["channels"]) == ("folder", 1)
        with pytest.raises(UsageError) as caught:
            client.upload("pets", tmp_path / "none.zip")
        assert caught.value.code == "no_such_file"
        packed.write_bytes(b"nothing")
        with pytest.raises(HwnasError) as refused:
            client.upload("pets", packed)
        assert refused.value.code == "broken_archive"
        with pytest.raises(UsageError) as unknown:
            client.dataset("none")
        assert unknown.value.code == "unknown_dataset"


class Counting(httpx.BaseTransport):
    """Counts what is asked."""

    def __init__(self) -> None:
        self._below = httpx.HTTPTransport()
        self.asked: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        return self._below.handle_request(request)

    def close(self) -> None:
        self._below.close()


def test_lists_are_read_a_page_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_catalogue, "MAX_LIMIT", 2)
    transport = Counting()
    with running(tmp_path / "home") as service, Client(service.url, service.key, transport) as client:
        for name in "abcde":
            service.stores.datasets.add("local", name, {"name": "digits"})
        found = client.datasets()
        assert [next(found).name for _ in range(2)] == ["a", "b"]
        assert transport.asked == ["/v1/datasets"]
        assert [one.name for one in found] == ["c", "d", "e"]
        assert len(transport.asked) == 3
        wanted = {"space": {"name": "nas_bench_201", "preset": "tiny"}}
        ids = [
            client.submit({"dataset": {"name": "digits"}, **more}).id for more in ({}, wanted, wanted, wanted)
        ]
        assert [one.id for one in client.searches(device="host", space="nas_bench_201")] == ids[:0:-1]
        assert [*client.searches(device="pi5"), *client.devices(), *client.supernets()] == []
