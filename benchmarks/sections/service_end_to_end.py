"""Digits from specification to file, by curl alone, by the client alone and by the command line alone.

Each on a real search by a real worker; the file's digest and its accuracy are held against what was said.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.client import Client
from benchmarks.figures import Figure
from benchmarks.sections.lab import settings_of
from benchmarks.served import service
from benchmarks.service_store import new_key
from nas.data.digits import open_digits
from nas.data.spec import DigitsSpec
from nas.export.checked import score_file
from nas.store.stores import opened_stores

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "how-to" / "rest.md"
LIMITS: Final = {"dataset": {"name": "digits"}, "targets": [{"limits": {"latency_ms": 1.0}}]}


def run(home: Path, quick: bool) -> list[Figure]:
    """Take all three ways against one service; later searches find what the first one has measured."""
    settings = settings_of(home / "end-to-end")
    with opened_stores(settings) as stores:
        key = new_key(stores)
    figures = []
    with service(settings, worker=True) as address:
        for name, way in WAYS.items():
            folder = home / name
            folder.mkdir(parents=True, exist_ok=True)
            file = way(address, key, folder)
            figures += checked(name, address, key, file)
    return figures


def _by_script(language: str, *command: str) -> Callable[[str, str, Path], Path]:
    def way(address: str, key: str, folder: Path) -> Path:
        (script,) = re.findall(
            rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
        )
        _ran([*command, script], address, key, folder)
        return next(folder.glob("*.onnx"))

    return way


def _by_command(address: str, key: str, folder: Path) -> Path:
    spec = folder / "mine.yaml"
    spec.write_text(json.dumps(LIMITS), encoding="utf-8")
    hwnas = [sys.executable, "-c", "import hwnas; hwnas.main()"]
    _ran([*hwnas, "search", str(spec), "--watch"], address, key, folder)
    front = json.loads(_ran([*hwnas, "searches", "front", "latest", "--json"], address, key, folder))
    best = max(front["networks"], key=lambda network: float(network["accuracy"]["value"]))
    out = folder / "best.onnx"
    _ran([*hwnas, "export", f"{front['search']}.{best['name']}", "--out", str(out)], address, key, folder)
    return out


WAYS: Final[dict[str, Callable[[str, str, Path], Path]]] = {
    "curl": _by_script("bash", "bash", "-euo", "pipefail", "-c"),
    "client": _by_script("python", sys.executable, "-c"),
    "command line": _by_command,
}


def _ran(command: list[str], address: str, key: str, folder: Path) -> str:
    access = {"HWNAS_SERVER": address, "SERVER": address, "HWNAS_KEY": key, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **access}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def checked(name: str, address: str, key: str, file: Path) -> list[Figure]:
    """Return whether a file is one that the service has said the digest and the accuracy of."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    with Client(address, key) as client:
        fronts = [client.front(search.id) for search in client.searches("succeeded")]
    said = next(one for front in fronts for one in front.networks if one.file_sha256 == digest)
    assert said.test_accuracy is not None, f"{said.name} was not delivered"
    found = float(score_file(file, open_digits(DigitsSpec(name="digits")), "test").mean())
    difference = abs(found - said.test_accuracy.value)
    return [Figure(f"by {name}: accuracy found against that said", difference, "", "<=", 0, f"{found:.4f}")]
