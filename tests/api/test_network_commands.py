"""Commands on single networks, as they are typed."""

import json
from pathlib import Path

import pytest

from hwnas import run
from tests.api.handmade import finished_search


def test_a_network_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    search = finished_search(tmp_path)
    for words in (f"{search.id}.resnet", "latest.resnet", f"{search.id[:-6]}.resnet", "resnet"):
        assert run(["subnets", "show", words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == f"{search.id}.resnet"
    assert run(["subnets", "show", "none"]) == 2
    assert "unknown_subnet" in capsys.readouterr().err
