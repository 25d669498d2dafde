"""The programs in the guide do what it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from latency_predictors.device import host_context
from latency_predictors.runtimes.openvino import _options
from nas.export.classifier import read_metadata
from nas.export.predict_script import predict_script
from tests.nas.export.cards import example_card
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


NEXT_IMAGE = """
images[:] = np.random.default_rng(0).random(images.shape)
"""


def test_bound_buffers_hold_what_a_plain_call_answers(
    programs: list[str], model: Path, tmp_path: Path
) -> None:
    again = """
session.run_with_iobinding(binding)
(plain,) = session.run(["logits"], {"image": images})
print(np.array_equal(logits, plain), bool(logits.any()))
"""
    (tmp_path / "predict.py").write_text(predict_script(example_card(model)), encoding="utf-8")
    assert run(programs[1] + NEXT_IMAGE + again, model, tmp_path)[-1] == "True True"


def test_the_openvino_program_is_what_was_timed(programs: list[str], model: Path, tmp_path: Path) -> None:
    again = """
found = request.infer(share_outputs=True)["logits"]
print(np.array_equal(found, core.compile_model(model, "CPU", options)(images)["logits"]), bool(found.any()))
print(options)
"""
    lines = run(programs[2] + NEXT_IMAGE + again, model, tmp_path)
    assert lines[-2:] == ["True True", str(_options(host_context("openvino")))]


def run(program: str, model: Path, folder: Path) -> list[str]:
    """Run a program beside a model; return the lines that it prints."""
    shutil.copy(model, folder / "model.onnx")
    command = [sys.executable, "-X", "utf8", "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


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
    exec(programs[3], given)
    assert read_metadata(tmp_path / "model.onnx").class_names == TEN
    assert "num_real=3" in capsys.readouterr().out
