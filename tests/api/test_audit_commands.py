"""Commands on the log of changes, as they are typed."""

import json
from pathlib import Path

import pytest

from hwnas import run
from tests.api.served import DIGITS, served


def test_the_log_is_shown_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWNAS_HOME", str(tmp_path))
    with served(tmp_path) as api:
        api.post("/v1/searches", DIGITS)
    assert run(["audit", "list", "--num", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"][0]["action"] == "search.submit"
    assert run(["audit", "verify", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)["last_digest"]
    assert run(["audit", "verify", "--kept", digest]) == 0
    assert run(["audit", "verify", "--kept", "0" * 64]) == 1
