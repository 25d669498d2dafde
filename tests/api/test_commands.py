"""The reading commands, from the words on the command line to what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from nas.store.schema import newest_version
from tests.api.handmade import finished_search, lookup_table, saved_table


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


def test_supernets(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "supernets", "list") == {"supernets": []}


def test_datasets(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("dataset: {name: digits}")
    assert answer(capsys, "datasets", "add", "mine", str(spec))["state"] == "checking"
    assert [one["name"] for one in answer(capsys, "datasets", "list")["datasets"]] == ["mine"]
    assert answer(capsys, "datasets", "show", "mine")["spec"]["name"] == "digits"
    assert run(["datasets", "show", "yours"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_dataset]: ")


def test_the_database_is_upgraded_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = answer(capsys, "db", "upgrade")
    assert (first["version_before"], first["version"]) == ("", newest_version())
    assert answer(capsys, "db", "upgrade")["version_before"] == newest_version()


def test_an_unknown_search_is_wrong_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["searches", "show", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_search]: no search 'nothing'")


def test_export(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = finished_search(home)
    for words in (
        ["latest", "--best", "--fastest"],
        [search.id, "--under", "speed=1"],
        ["latest", "--format", "x"],
    ):
        assert run(["export", *words, "--out", str(tmp_path / "out")]) == 2
    assert run(["export", "latest", "--under", "latency_ms=0.01"]) == 1
    assert "error[no_network_within_limits]: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_devices_and_predictions(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["devices", "show"]) == 2
    assert run(["predict", "--channels", "1"]) == 1
    assert "error[no_profile]: " in capsys.readouterr().err
    saved_table(home, lookup_table())
    assert answer(capsys, "devices", "list")["tables"][0]["this_machine"] is True
    assert len(answer(capsys, "devices", "show")["layers"]) == 142
    predicted = answer(capsys, "predict", "--channels", "1", "--random", "3", "--seed", "1")["networks"]
    assert [network["latency_ms"]["kind"] for network in predicted] == ["table"] * 3
    assert run(["predict", "--channels", "1", "--statistic", "p95", "--pause-ms", "20"]) == 1
    said = capsys.readouterr().err
    assert "error[no_profile]: " in said
    assert "p95 with pauses of 20 ms" in said
    for words in (["devices", "list"], ["devices", "show"], ["predict", "--channels", "1"]):
        assert run(words) == 0
    drawn = capsys.readouterr().out
    assert "corrected sum, as used" in drawn
    assert "90 % interval" in drawn
