"""The commands on searches, from the words on the command line to what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from nas.settings import Settings
from nas.store.stores import opened_stores
from tests.api.dashboard.searched import parked_search
from tests.api.handmade import SPEC, finished_search, submitted


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command prints with --json."""
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_searches(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "searches", "list")["searches"] == []
    search = finished_search(home)
    assert [line["id"] for line in answer(capsys, "searches", "list")["searches"]] == [search.id]
    assert answer(capsys, "searches", "show")["result"]["id"] == search.id
    front = answer(capsys, "searches", "front", search.id, "--target", "1")
    assert [network["name"] for network in front["networks"]] == ["net-aaa111", "net-bbb222", "net-ccc333"]


def test_a_search_is_cancelled(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened_stores(Settings()) as stores:
        job = submitted(stores, SPEC)
    assert answer(capsys, "searches", "cancel", job.id) == {"id": job.id, "state": "cancelled"}
    assert run(["searches", "cancel", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_search]: ")


def test_a_parked_search_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened_stores(Settings()) as stores:
        job = parked_search(stores)
    assert "`hwnas searches resume` goes on where it was" in shown(capsys, "searches", "show")
    assert answer(capsys, "searches", "resume") == {"id": job.id, "state": "queued"}
    assert run(["searches", "resume", job.id]) == 2
    assert capsys.readouterr().err.startswith("error[job_not_parked]: ")


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command draws for people."""
    assert run(list(words)) == 0
    return capsys.readouterr().out
