"""`hwnas search` as a process of its own, with the small specification of these tests."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from nas.results import SearchResult
from nas.store.run_folder import RunFolder

HWNAS: Final = (sys.executable, "-c", "import hwnas; hwnas.main()")
FAULTS: Final = Path(__file__).parent / "faults"
DOCUMENT: Final[dict[str, Any]] = {
    "space": {"name": "nas_bench_201", "preset": "tiny"},
    "dataset": {
        "name": "shapes",
        "num_train": 600,
        "num_validation": 200,
        "num_test": 200,
        "size": 16,
        "difficulty": 0.2,
    },
    "supernet": {"epochs": 3},
    "search": {"evaluations": 400},
    "verify": {"candidates": 6, "rounds": 2},
    "export": {"points": 2},
}


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    home: Path
    status: int
    answer: str
    told: str

    @property
    def error(self) -> dict[str, str]:
        """The error it answered with."""
        document: dict[str, dict[str, str]] = json.loads(self.answer)
        return document["error"]

    @property
    def runs(self) -> list[RunFolder]:
        """The searches in its home."""
        return [RunFolder(path) for path in sorted((self.home / "searches").iterdir())]

    @cached_property
    def result(self) -> SearchResult:
        """The result it answered with."""
        return SearchResult.model_validate(json.loads(self.answer)["result"])

    @property
    def run(self) -> RunFolder:
        """The folder of its only search."""
        (run,) = self.runs
        return run


def search(
    home: Path, *, document: dict[str, Any] = DOCUMENT, prefix: tuple[str, ...] = (), **faults: str
) -> Ended:
    """Search in a home folder; once more where the machine was too restless to be measured.

    Args:
        home: Where everything of the search is kept.
        document: The specification.
        prefix: A program that runs the command.
        faults: Variables that `faults/sitecustomize.py` reads.
    """
    ended = _search(home, document, prefix, faults)
    if '"session_void"' in ended.answer:
        ended = _search(home, document, prefix, faults)
    return ended


def _search(home: Path, document: dict[str, Any], prefix: tuple[str, ...], faults: dict[str, str]) -> Ended:
    home.mkdir(parents=True, exist_ok=True)
    spec = home.with_suffix(".yaml")
    spec.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run(
        [*prefix, *HWNAS, "search", str(spec), "--json"],
        env=environment(home, **faults),
        cwd=FAULTS.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(home, done.returncode, done.stdout, done.stderr)


def environment(home: Path, **faults: str) -> dict[str, str]:
    """Return the environment of a user who has set nothing but the home folder."""
    hidden = ("ORT_DISABLE_TELEMETRY", "OMP_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "HWNAS_HOME": str(home), "PYTHONPATH": str(FAULTS), **faults}


def with_tables_of(ended: Ended, home: Path) -> Path:
    """Return a new home with the measured tables of another, so that no layer is measured again."""
    shutil.copytree(ended.home / "tables", home / "tables")
    return home


def with_supernet_of(ended: Ended, home: Path) -> Path:
    """Return a new home with the supernet of another too, so that nothing is trained again."""
    shutil.copytree(ended.home / "supernets", home / "supernets")
    return with_tables_of(ended, home)
