"""docs/how-to/rest.md does what it says: its scripts run against a service."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.running import Running, quick_worker, running

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "how-to" / "rest.md").read_text(encoding="utf-8")


def script(language: str) -> str:
    """The only script of the page in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Running, bytes]]:
    """A service where each search is finished at once, and the file of its networks."""
    with running(tmp_path / "home") as found, quick_worker(found.stores) as content:
        yield found, content


def ran(service: Running, folder: Path, *command: str) -> str:
    """What a script prints that was run in a folder."""
    access = {"HWNAS_SERVER": service.url, "SERVER": service.url, "HWNAS_KEY": service.key}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **access},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_the_script_in_python(service: tuple[Running, bytes], tmp_path: Path) -> None:
    told = ran(service[0], tmp_path, sys.executable, "-c", script("python"))
    assert "net-ccc333" in told
    assert (tmp_path / "best.onnx").read_bytes() == service[1]
    assert told.split()[-1] == hashlib.sha256(service[1]).hexdigest()


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_script_for_curl(service: tuple[Running, bytes], tmp_path: Path) -> None:
    told = ran(service[0], tmp_path, "bash", "-euo", "pipefail", "-c", script("bash"))
    assert told.endswith("model.onnx: OK\n")
    assert "event: settled" in told
    assert (tmp_path / "model.onnx").read_bytes() == service[1]
