"""What is delivered is the file that was scored, with its card, in a folder of the user's choice."""

import hashlib
import json
from pathlib import Path

import pytest

from api.exports import Request, export_network, select
from nas.data.decode import RESIZE_RULE
from nas.export.metadata import describe
from nas.export.onnx import export_onnx
from nas.settings import Settings
from nas.store.job_run import StoredJob
from search_spaces.base import architecture_digest
from search_spaces.errors import ArtifactError, UsageError
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import network as layers_of
from search_spaces.sampling import as_architecture, smallest
from tests.api.handmade import FRONT, SPACE, finished_search, target

ARCHITECTURE = as_architecture(smallest(SPACE)[0])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def search(settings: Settings) -> StoredJob:
    """A finished search whose networks share one real exported file."""
    static = StaticNetwork(layers_of(SPACE, ARCHITECTURE)).eval()
    metadata = describe(
        SPACE,
        ARCHITECTURE,
        class_names=tuple("0123456789"),
        dataset_digest="c" * 64,
        resize_rule=RESIZE_RULE,
    )
    content = export_onnx(static, metadata)
    facts = {
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "file_bytes": len(content),
        "architecture_digest": architecture_digest(SPACE, ARCHITECTURE),
    }
    networks = (one.model_copy(update=facts) for one in FRONT)
    return finished_search(settings.home, target(*networks), files=[content])


def test_the_file_that_was_scored_is_delivered(settings: Settings, search: StoredJob, tmp_path: Path) -> None:
    request = Request("latest", rules=("best",), limits=("latency_ms=0.25",))
    delivered = export_network(settings, request, tmp_path / "out")
    assert delivered.network.name == "net-bbb222"
    assert delivered.folder == tmp_path / "out"
    model = (tmp_path / "out" / "model.onnx").read_bytes()
    assert hashlib.sha256(model).hexdigest() == delivered.network.file_sha256
    assert set(delivered.files) >= {"README.md", "measurements.json", "predict.py", "manifest.json"}
    measured = json.loads((tmp_path / "out" / "measurements.json").read_text())
    assert measured["latency"]["median_ms"] == 0.20


def test_without_a_folder_it_lands_here_under_its_name(
    settings: Settings, search: StoredJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    delivered = export_network(settings, Request("net-aaa111"), None)
    assert delivered.folder == tmp_path / f"{search.id}-net-aaa111"
    assert (delivered.folder / "model.onnx").is_file()


def test_a_network_by_its_identifier_is_delivered_as_a_file(
    settings: Settings, search: StoredJob, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "net.onnx"
    delivered = export_network(settings, Request(f"{search.id}.net-bbb222"), out)
    assert (delivered.network.name, delivered.files, delivered.folder) == (
        "net-bbb222",
        ("net.onnx",),
        out.parent,
    )
    assert hashlib.sha256(out.read_bytes()).hexdigest() == delivered.network.file_sha256
    assert [path.name for path in out.parent.iterdir()] == ["net.onnx"]
    with pytest.raises(UsageError) as caught:
        export_network(settings, Request(f"{search.id}.none"), out)
    assert caught.value.code == "unknown_subnet"


def test_a_file_that_is_no_longer_what_was_scored_is_not_delivered(
    settings: Settings, search: StoredJob, tmp_path: Path
) -> None:
    digest = search.result().targets[0].networks[0].file_sha256
    path = settings.home / "artifacts" / digest[:2] / digest
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(ArtifactError) as caught:
        export_network(settings, Request("latest"), tmp_path / "out")
    assert caught.value.code == "artifact_damaged"
    assert not (tmp_path / "out").exists()


def test_what_is_there_already_is_not_overwritten(
    settings: Settings, search: StoredJob, tmp_path: Path
) -> None:
    precious = tmp_path / "out" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(UsageError) as caught:
        export_network(settings, Request("latest"), precious.parent)
    assert caught.value.code == "folder_in_use"
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        (Request("latest"), "net-ccc333"),
        (Request("digits", rules=("fastest",)), "net-aaa111"),
        (Request("latest", limits=("latency_ms=0.15",)), "net-aaa111"),
        (Request("latest", name="net-b"), "net-bbb222"),
        (Request("net-b"), "net-bbb222"),
        (Request("resnet"), "resnet"),
        (Request("latest", name="resnet"), "resnet"),
        (Request("latest.net-b"), "net-bbb222"),
        (Request("digits.resnet"), "resnet"),
    ],
)
def test_a_search_or_a_network_may_be_named(
    settings: Settings, search: StoredJob, request_: Request, name: str
) -> None:
    chosen = select(settings, request_)
    assert (chosen.network.name, chosen.subnet) == (name, f"{search.id}.{name}")


@pytest.mark.parametrize(
    "request_",
    [
        Request("latest", rules=("best", "fastest")),
        Request("latest", rules=("best",), name="net-aaa111"),
        Request("latest", name="net-aaa111", limits=("latency_ms=1",)),
    ],
)
def test_contradictions_are_refused(settings: Settings, search: StoredJob, request_: Request) -> None:
    with pytest.raises(UsageError) as caught:
        select(settings, request_)
    assert caught.value.code == "conflicting_options"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Request("nothing", rules=("best",)), "unknown_search"),
        (Request("nothing"), "unknown_network"),
    ],
)
def test_what_does_not_exist_is_refused(
    settings: Settings, search: StoredJob, request_: Request, code: str
) -> None:
    with pytest.raises(UsageError) as caught:
        select(settings, request_)
    assert caught.value.code == code
