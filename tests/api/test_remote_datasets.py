"""Data sets of a service, as they are typed."""

import json
from pathlib import Path

import pytest

from hwnas import run
from tests.api.running import running
from tests.nas.data.zips import folder_zip


def test_packed_images_are_uploaded_listed_and_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, spec = tmp_path / "pets.zip", tmp_path / "spec.yaml"
    packed.write_bytes(folder_zip())
    spec.write_text("dataset: {name: image_folder, path: pets}\n", encoding="utf-8")
    with running(tmp_path / "there") as service:
        monkeypatch.setenv("HWNAS_KEY", service.key)
        monkeypatch.setenv("HWNAS_HOME", str(tmp_path / "here"))
        monkeypatch.setenv("HWNAS_SERVER", service.url)

        def told(*words: str) -> object:
            run(["datasets", *words, "--json"])
            return json.loads(capsys.readouterr().out)

        added = told("add", "pets", str(packed))
        assert isinstance(added, dict)
        assert (added["name"], added["state"]) == ("pets", "checking")
        assert told("list") == {"datasets": [added]}
        assert told("show", "pets") == added
        grouped = told("add", "grouped", str(packed), "--set", "group_by=folder", "--set", "seed=3")
        assert isinstance(grouped, dict)
        assert (grouped["spec"]["group_by"], grouped["spec"]["seed"]) == ("folder", 3)
        refused = told("add", "more", str(spec))
        assert isinstance(refused, dict)
        assert refused["error"]["code"] == "data_not_on_server"
    assert not (tmp_path / "here").exists()
