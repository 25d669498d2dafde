"""The folder of one search: what each phase found, so that a killed search goes on where it was.

searches/digits-1f3a9c2e/
├── spec.json        the specification
├── phases/          one document a finished phase
├── networks/        exported files by SHA-256
├── exports/         delivered networks, each with its card
├── result.json      the finished search
└── report.html
"""

import hashlib
import io
import json
import re
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from nas.results import SearchResult
from nas.specs import SearchSpec
from search_spaces.atomic import write_atomically
from search_spaces.errors import ArtifactError, UsageError

Model = TypeVar("Model", bound=BaseModel)

_NAME = re.compile(r"[a-z0-9_]+-[0-9a-f]{8}(-[0-9]+)?")


class RunFolder:
    """One search on disk. Every file is written atomically."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """Identifier of the search."""
        return self.path.name

    @property
    def finished(self) -> bool:
        """Whether the result is there."""
        return (self.path / "result.json").is_file()

    def spec(self) -> SearchSpec:
        """Return the specification."""
        return _read(self.path / "spec.json", SearchSpec)

    def started_at(self) -> str:
        """Return when the search was first started, UTC."""
        return datetime.fromtimestamp((self.path / "spec.json").stat().st_mtime, UTC).isoformat(
            timespec="seconds"
        )

    def result(self) -> SearchResult:
        """Return the result.

        Raises:
            UsageError: `search_not_finished`.
            ArtifactError: `damaged_file`.
        """
        if not self.finished:
            raise UsageError(
                "search_not_finished", f"search {self.id} is not finished: start it again and it goes on"
            )
        return _read(self.path / "result.json", SearchResult)

    def save_result(self, result: SearchResult) -> None:
        """Write the result, which ends the search."""
        _write(self.path / "result.json", result)

    def has(self, phase: str) -> bool:
        """Return whether a phase has finished."""
        return (self.path / "phases" / f"{phase}.json").is_file()

    def load(self, phase: str, model: type[Model]) -> Model:
        """Return what a finished phase found."""
        return _read(self.path / "phases" / f"{phase}.json", model)

    def save(self, phase: str, document: BaseModel) -> None:
        """Write what a phase found, which finishes it."""
        _write(self.path / "phases" / f"{phase}.json", document)

    def has_arrays(self, name: str) -> bool:
        """Return whether named arrays are there."""
        return (self.path / "phases" / f"{name}.npz").is_file()

    def save_arrays(self, name: str, **arrays: NDArray[Any]) -> None:
        """Write named arrays."""
        stream = io.BytesIO()
        np.savez_compressed(stream, allow_pickle=False, **arrays)
        write_atomically(self.path / "phases" / f"{name}.npz", stream.getvalue())

    def load_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return the arrays of that name.

        Raises:
            ArtifactError: `damaged_file`.
        """
        path = self.path / "phases" / f"{name}.npz"
        try:
            # Of bytes in memory: numpy leaves a path's file open where it is no archive.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                return {key: file[key] for key in file.files}
        except (OSError, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged(path, error) from error

    def keep_network(self, content: bytes) -> str:
        """Keep an exported file; return its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.network_path(digest)
        if not path.is_file():
            write_atomically(path, content)
        return digest

    def network_path(self, digest: str) -> Path:
        """Return where an exported file is kept."""
        return self.path / "networks" / f"{digest}.onnx"


def start_run(searches: Path, spec: SearchSpec) -> RunFolder:
    """Return the folder for a search: the unfinished one of the same specification, else a new one."""
    stem = f"{spec.dataset.name}-{spec.digest[:8]}"
    number = 1
    while True:
        run = RunFolder(searches / (stem if number == 1 else f"{stem}-{number}"))
        if not (run.path / "spec.json").exists():
            _write(run.path / "spec.json", spec)
            return run
        if not run.finished:
            return run
        number += 1


def find_run(searches: Path, name: str) -> RunFolder:
    """Return a search by its identifier, the start of one, or `latest`.

    Raises:
        UsageError: `unknown_search` or `ambiguous_search`, naming what exists.
    """
    runs = list_runs(searches)
    if name == "latest" and runs:
        return runs[-1]
    exact = [run for run in runs if run.id == name]
    found = exact or [run for run in runs if run.id.startswith(name)]
    if not found:
        known = ", ".join(run.id for run in runs[-5:]) or "none yet"
        raise UsageError("unknown_search", f"no search '{name}' in {searches}; searches are {known}")
    if len(found) > 1:
        raise UsageError(
            "ambiguous_search",
            f"'{name}' may be any of {', '.join(run.id for run in found)}: write more of it",
        )
    return found[0]


def list_runs(searches: Path) -> list[RunFolder]:
    """Return all searches, the last started last."""
    if not searches.is_dir():
        return []
    runs = [RunFolder(path) for path in searches.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(
        (run for run in runs if (run.path / "spec.json").is_file()),
        key=lambda run: ((run.path / "spec.json").stat().st_mtime, run.id),
    )


def _write(path: Path, document: BaseModel) -> None:
    text = json.dumps(document.model_dump(mode="json"), indent=1, sort_keys=True)
    write_atomically(path, (text + "\n").encode())


def _read(path: Path, model: type[Model]) -> Model:
    try:
        return model.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ArtifactError:
    reason = type(error).__name__
    return ArtifactError(
        "damaged_file", f"{path} cannot be read ({reason}): remove it and start the search again"
    )
