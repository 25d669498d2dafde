"""Comparing tables, from the words on the command line to what is printed."""

import json
from pathlib import Path

import pytest

from hwnas import run
from tests.api.handmade import lookup_table, saved_table


def test_two_tables_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    saved_table(tmp_path, lookup_table())
    saved_table(tmp_path, lookup_table(cpu_model="Another CPU"))
    assert run(["devices", "list", "--json"]) == 0
    names = [line["name"] for line in json.loads(capsys.readouterr().out)["tables"]]
    assert run(["devices", "compare", *names, "--preset", "tiny", "--channels", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["layers"]["median"] == 1.0
    assert found["networks"]["rank_correlation"] == pytest.approx(1.0)
    assert run(["devices", "compare", names[0], "nothing"]) == 2
    assert capsys.readouterr().err.startswith("error[unknown_table]: ")
