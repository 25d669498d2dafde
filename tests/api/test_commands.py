"""The reading commands, from the words on the command line to what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from tests.api.handmade import finished_search


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command prints with --json."""
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    assert "mobilenet_v3" in [space["name"] for space in answer(capsys, "spaces", "list")["spaces"]]
    shown = answer(capsys, "spaces", "show", "mobilenet_v3", "--preset", "tiny", "--channels", "1")
    assert shown["summary"]["in_channels"] == 1


def test_searches(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "searches", "list")["searches"] == []
    search = finished_search(home)
    assert [line["id"] for line in answer(capsys, "searches", "list")["searches"]] == [search.id]
    assert answer(capsys, "searches", "show")["result"]["id"] == search.id
    front = answer(capsys, "searches", "front", search.id, "--target", "1")
    assert [network["name"] for network in front["networks"]] == ["net-aaa111", "net-bbb222", "net-ccc333"]


def test_an_unknown_search_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["searches", "show", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_search]: no search 'nothing'")
