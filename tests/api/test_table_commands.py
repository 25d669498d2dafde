"""Exporting and importing, from the words on the command line to what is printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from hwnas import run
from tests.api.handmade import lookup_table, saved_table


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command prints with --json."""
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_table_travels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "board.json"
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "lab"))
    saved_table(tmp_path / "lab", lookup_table(cpu_model="A small board"))
    (line,) = answer(capsys, "devices", "list")["tables"]
    written = answer(capsys, "tables", "export", line["name"][:6], "--out", str(file), "--by", "Ann")
    assert (written["file"], written["provenance"]["exported_by"]) == (str(file), "Ann")

    monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "here"))
    taken = answer(capsys, "tables", "import", str(file))
    assert taken["name"] == line["name"]
    space = ("--space", "mobilenet_v3", "--preset", "tiny", "--channels", "1")
    predicted = answer(capsys, "predict", *space, "--random", "2", "--table", line["name"])
    assert predicted["device"].startswith("A small board")
    assert run(["predict", *space, "--table", line["name"], "--precision", "int8", "--threads", "1"]) == 1
    assert capsys.readouterr().err.startswith("error[context_mismatch]: ")
    assert run(["predict", *space]) == 1
    assert capsys.readouterr().err.startswith("error[no_profile]: ")
    assert run(["tables", "import", str(file)]) == 0
    assert f"hwnas predict --table {line['name'][:12]}" in capsys.readouterr().out.replace("\n", " ")
    file.write_bytes(file.read_bytes().replace(b"0.012", b"0.001", 1))
    assert run(["tables", "import", str(file)]) == 1
    assert capsys.readouterr().err.startswith("error[shared_table_damaged]: ")
