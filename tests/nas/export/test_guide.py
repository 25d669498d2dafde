"""The programs in the guide do what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nas.export.classifier import read_metadata
from tests.nas.export.conftest import NAMES
from tests.nas.export.networks import LARGEST, TEN, TINY, settled


@pytest.fixture
def programs(repository: Path) -> list[str]:
    text = (repository / "docs" / "how-to" / "use-an-exported-network.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_program_for_your_own_use_runs_beside_the_model(
    programs: list[str], model: Path, tmp_path: Path
) -> None:
    shutil.copy(model, tmp_path / "model.onnx")
    command = [sys.executable, "-I", "-X", "utf8", "-c", programs[0]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.removesuffix("\n") in NAMES


def test_the_program_that_exports_leaves_a_checked_file(
    programs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    static = settled(TINY, LARGEST)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32)).astype(np.uint8)
    given = {
        "space": TINY,
        "architecture": LARGEST,
        "statistics": None,
        "supernet": SimpleNamespace(extract=lambda architecture, statistics: static),
        "dataset": SimpleNamespace(class_names=TEN, digest="ab" * 32, images=lambda part, side: images),
    }
    monkeypatch.chdir(tmp_path)
    exec(programs[1], given)
    assert read_metadata(tmp_path / "model.onnx").class_names == TEN
    assert "num_real=3" in capsys.readouterr().out
