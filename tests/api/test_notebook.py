"""examples/service.ipynb does what it says: its cells run, one after the other, against a service."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.api.running import quick_worker, running

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = json.loads((ROOT / "examples" / "service.ipynb").read_text(encoding="utf-8"))


def test_its_cells_run_in_order(tmp_path: Path) -> None:
    cells = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    with running(tmp_path / "home") as service, quick_worker(service.stores) as content:
        access = {"HWNAS_SERVER": service.url, "HWNAS_KEY": service.key, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(cells)],
            cwd=tmp_path,
            env={**os.environ, **access},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "net-ccc333: 99.0% right (98.0% to 100.0%), 0.400 ms measured, 0.400 ms predicted" in done.stdout
    assert (tmp_path / "best.onnx").read_bytes() == content
    assert done.stdout.split()[-1] == hashlib.sha256(content).hexdigest()


def test_it_is_kept_as_it_is_before_it_was_run() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    assert [cell["outputs"] for cell in NOTEBOOK["cells"] if cell.get("outputs")] == []
