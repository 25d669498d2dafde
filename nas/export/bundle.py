"""The folder that a user downloads: the file that was scored, what is known about it, and how to run it.

net-3f9a1c/
├── model.onnx          the file that was scored and measured, to the byte
├── architecture.json   what the network is
├── measurements.json   every figure with its interval, its kind and its provenance
├── README.md           the same for people and model hubs
├── predict.py          runs it on images: numpy, Pillow and onnxruntime only
└── manifest.json       SHA-256 of each of these files
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

from nas.export.card import Card, architecture_document, measurements_document, readme
from nas.export.classifier import read_metadata
from nas.export.onnx_file import read_onnx
from nas.export.predict_script import predict_script
from search_spaces.atomic import FULL, write_atomically
from search_spaces.errors import ArtifactError, ResourceError, UsageError

MODEL: Final = "model.onnx"
MANIFEST: Final = "manifest.json"
_FORMAT: Final = "hwnas-bundle/1"


def write_bundle(folder: Path, model: Path, card: Card) -> None:
    """Write a network's folder: it is there whole or not at all.

    Args:
        folder: Where. An empty one is filled; a bundle that stands there is replaced, if nothing was added
            to it.
        model: The exported file that was scored.
        card: What is told about it.

    Raises:
        ArtifactError: `wrong_file` where the file is not the one that was scored; `damaged_file` or
            `missing_metadata`.
        UsageError: `folder_in_use` where something else stands there, or more than a bundle; it is left as
            it was.
        ResourceError: `disk_full`; nothing is left behind.
    """
    folder = folder.resolve()
    empty = folder.is_dir() and not any(folder.iterdir())
    if folder.exists() and not empty and not _is_bundle(folder):
        raise UsageError(
            "folder_in_use", f"{folder} holds more than an exported network: choose another folder"
        )
    files = bundle_files(model, card)
    write = _fill if empty else _write_folder
    try:
        write(folder, files)
    except OSError as error:
        if error.errno in FULL:
            raise ResourceError(
                "disk_full", f"no room for {folder}: free some space and start again"
            ) from error
        raise


def _fill(folder: Path, files: dict[str, bytes]) -> None:
    """Write into a folder that stays the one that it is: a shell may be in it, a disk mounted there.

    The manifest comes last: what a killed process leaves does not look whole.
    """
    try:
        for name, content in files.items():
            write_atomically(folder / name, content)
    except BaseException:
        for name in reversed(files):
            (folder / name).unlink(missing_ok=True)
        raise


def _write_folder(folder: Path, files: dict[str, bytes]) -> None:
    partial, old = folder.with_name(f".{folder.name}.partial"), folder.with_name(f".{folder.name}.old")
    _remove(partial, old)  # what a killed process left behind
    try:
        for name, content in files.items():
            write_atomically(partial / name, content)
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise
    finally:
        _remove(partial, old)


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)


def bundle_files(model: Path, card: Card) -> dict[str, bytes]:
    """Return the files of a bundle by name, the manifest last; see `write_bundle`."""
    content = model.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != card.network.file_sha256:
        raise ArtifactError(
            "wrong_file",
            f"{model.name} is not the file of {card.network.name} that was scored: run the search again",
        )
    metadata = read_metadata(model)
    files = {
        MODEL: content,
        "architecture.json": _json(architecture_document(card, metadata)),
        "measurements.json": _json(measurements_document(card, metadata)),
        "README.md": readme(card, metadata, read_onnx(content).input_shape[1]).encode(),
        "predict.py": predict_script(card).encode(),
    }
    listed = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()
    }
    return {**files, MANIFEST: _json({"format": _FORMAT, "files": listed})}


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _is_bundle(folder: Path) -> bool:
    """Return whether a folder holds the files of a bundle and no others: all that is there is ours."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        return False
    ours = {MANIFEST, *manifest.get("files", ())}
    return all(path.name in ours and path.is_file() for path in folder.iterdir())
