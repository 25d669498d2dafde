"""Files in another precision, from the command to the folder; a thread stands for the worker's process."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from api import made_exports
from api.exports import Request, export_network
from nas.jobs import Fault, Faulted, JobKind
from nas.settings import Settings
from nas.store.stores import opened_stores
from search_spaces.errors import HwnasError
from tests.api.routes.conftest import exported_file, written
from tests.api.test_client_networks import making

CONTENT = exported_file()
ASKED = Request("latest", name="net-ccc333", precision="int8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a finished search."""
    found = Settings(home=tmp_path / "home")
    with opened_stores(found) as stores:
        written(stores, CONTENT)
    return found


@contextmanager
def working(settings: Settings) -> Iterator[SimpleNamespace]:
    """A worker that makes files."""
    with opened_stores(settings) as stores, making(stores):
        yield SimpleNamespace(poll=lambda: None)


@contextmanager
def failing(settings: Settings) -> Iterator[SimpleNamespace]:
    """A worker that cannot quantise anything."""
    with opened_stores(settings) as stores:
        (claim,) = stores.queue.claim("tests", kinds=(JobKind.EXPORT,))
        stores.queue.settle(claim.lease, Faulted(Fault.BAD_DATA, "not_quantisable", "it has no weights"))
        yield SimpleNamespace(poll=lambda: None)


@contextmanager
def dying(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker that ends at once."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    yield process


def test_a_file_in_another_precision_is_made_and_delivered(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(made_exports, "worker_beside", working)
    delivered = export_network(settings, ASKED, tmp_path / "out")
    model = (tmp_path / "out" / "model.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == delivered.network.file_sha256
    assert (delivered.why, delivered.folder) == ("asked for by name", tmp_path / "out")
    assert set(delivered.files) == {path.name for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(made_exports, "worker_beside", dying)  # what was made is there
    alone = export_network(settings, ASKED, tmp_path / "net.onnx")
    assert alone.files == ("net.onnx",)
    assert (tmp_path / "net.onnx").read_bytes() == CONTENT


def test_the_precision_that_was_verified_needs_no_worker(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_exports, "worker_beside", dying)
    request = Request("latest", name="net-ccc333", precision="fp32")
    assert export_network(settings, request, tmp_path / "net.onnx").network.name == "net-ccc333"


@pytest.mark.parametrize(("worker", "code"), [(failing, "not_quantisable"), (dying, "no_worker")])
def test_what_keeps_a_file_from_being_made_is_told(
    worker: object, code: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_exports, "worker_beside", worker)
    with pytest.raises(HwnasError) as caught:
        export_network(settings, ASKED, None)
    assert caught.value.code == code
