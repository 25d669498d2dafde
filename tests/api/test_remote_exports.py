"""Networks of a service are delivered into folders here."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from tests.api.routes.conftest import exported_file, written
from tests.api.running import running
from tests.api.test_client_networks import making

Command = Callable[..., tuple[int, Any]]
CONTENT = exported_file()


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Runs `hwnas export` at a service with one finished search."""
    with running(tmp_path / "there") as service, making(service.stores):
        written(service.stores, CONTENT)
        monkeypatch.setenv("HWNAS_KEY", service.key)
        monkeypatch.chdir(tmp_path)

        def ran(*words: str) -> tuple[int, Any]:
            status = run(["export", *words, "--server", service.url, "--json"])
            return status, json.loads(capsys.readouterr().out)

        yield ran


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("latest",), "net-ccc333"),
        (("latest", "--fastest"), "net-aaa111"),
        (("latest", "--best", "--under", "latency_ms=0.3"), "net-bbb222"),
        (("latest", "--name", "net-aaa111"), "net-aaa111"),
        (("latest", "--name", "net-a"), "net-aaa111"),
    ],
)
def test_the_network_that_is_meant_is_delivered(
    words: tuple[str, ...], name: str, command: Command, tmp_path: Path
) -> None:
    status, told = command(*words, "--out", str(tmp_path / "out"))
    assert (status, told["network"]["name"], told["target_number"]) == (0, name, 1)
    assert (tmp_path / "out" / "model.onnx").read_bytes() == CONTENT
    assert set(told["files"]) == {path.name for path in (tmp_path / "out").iterdir()}
    assert "README.md" in told["files"]


def test_a_network_is_named_by_its_identifier(command: Command, tmp_path: Path) -> None:
    _, told = command("latest.net-bbb222")
    assert Path(told["folder"]).name == f"{told['search']}-net-bbb222"
    assert (tmp_path / f"{told['search']}-net-bbb222" / "model.onnx").is_file()


def test_a_file_in_another_precision_is_made_and_fetched(command: Command, tmp_path: Path) -> None:
    status, told = command("latest.net-ccc333", "--precision", "int8")
    assert (status, told["why"]) == (0, "exported in int8")
    assert told["network"]["name"] == "net-ccc333"
    assert Path(told["folder"]).name == f"{told['search']}-net-ccc333-int8"
    assert (Path(told["folder"]) / "model.onnx").read_bytes() == CONTENT
    out = tmp_path / "net.onnx"
    assert command("latest.net-ccc333", "--precision", "int8", "--out", str(out))[1]["files"] == ["net.onnx"]
    assert out.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("latest", "--under", "latency_ms=0.0001"), "no_network_within_limits"),
        (("latest", "--name", "none"), "unknown_network"),
        (("latest", "--name", "net"), "ambiguous_network"),
        (("latest", "--best", "--fastest"), "conflicting_options"),
        (("latest", "--under", "nonsense"), "invalid_limit"),
        (("none",), "unknown_search"),
        (("latest", "--target", "2"), "unknown_target"),
    ],
)
def test_what_cannot_be_delivered_is_said(words: tuple[str, ...], code: str, command: Command) -> None:
    status, told = command(*words)
    assert (status != 0, told["error"]["code"]) == (True, code)


def test_nothing_is_overwritten(command: Command, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")
    assert command("latest", "--out", str(tmp_path / "out"))[1]["error"]["code"] == "folder_in_use"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_file_alone_is_fetched(command: Command, tmp_path: Path) -> None:
    _, told = command("latest.net-bbb222", "--out", str(tmp_path / "out" / "net.onnx"))
    assert (told["files"], told["folder"]) == (["net.onnx"], str(tmp_path / "out"))
    assert (tmp_path / "out" / "net.onnx").read_bytes() == CONTENT
