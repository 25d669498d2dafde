"""Tensors on disk: one safetensors file and a JSON manifest with its SHA-256.

The manifest is written last and sealed with a digest of itself, so that a changed, cut or exchanged byte in
either file is seen before anything is used. Nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from search_spaces.atomic import write_atomically
from search_spaces.base import SearchSpace, space_digest
from search_spaces.digests import canonical_json, sha256_json
from search_spaces.errors import ArtifactError
from search_spaces.modules.supernet import Supernet

FORMAT: Final = 1


def weight_hash(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 over names, types, shapes and values, whatever the memory layout."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(canonical_json([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write `path` and, last, the manifest beside it.

    Args:
        path: Ends in `.safetensors`.
        tensors: By name.
        facts: What the manifest says besides: plain JSON.

    Raises:
        ResourceError: `disk_full`.
    """
    content = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    manifest = {
        "format": FORMAT,
        "file": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        **facts,
    }
    write_atomically(path, content)
    sealed = {**manifest, "seal": sha256_json(manifest)}
    write_atomically(manifest_path(path), (canonical_json(sealed) + "\n").encode())


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and manifest after both were verified.

    Raises:
        ArtifactError: `weights_not_found`, or `damaged_weights` saying which file is not what was written.
    """
    manifest = read_manifest(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "the file is missing") from error
    if hashlib.sha256(content).hexdigest() != manifest["sha256"]:
        raise _damaged(path, f"SHA-256 differs from the manifest's ({len(content)} bytes)")
    try:
        return load(content), manifest
    except SafetensorError as error:
        raise _damaged(path, f"it is no safetensors file: {error}") from error


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the verified manifest of a tensor file.

    Raises:
        ArtifactError: `weights_not_found` or `damaged_weights`.
    """
    place = manifest_path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ArtifactError("weights_not_found", f"there is no {place}: train first") from error
    except UnicodeDecodeError as error:
        raise _damaged(place, "it is not text") from error
    try:
        manifest = json.loads(text)
    except json.JSONDecodeError as error:
        raise _damaged(place, "it is not JSON") from error
    if not isinstance(manifest, dict) or text != canonical_json(manifest) + "\n":
        raise _damaged(place, "it is not as it was written")
    seal = manifest.pop("seal", None)
    if seal != sha256_json(manifest):
        raise _damaged(place, "its seal does not fit")
    if manifest.get("format") != FORMAT or manifest.get("file") != path.name:
        raise _damaged(place, f"it describes {manifest.get('file')}, format {manifest.get('format')}")
    return manifest


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a tensor file stands."""
    return path.with_suffix(".json")


def save_supernet(path: Path, supernet: Supernet, facts: Mapping[str, Any] | None = None) -> str:
    """Write a supernet's weights with the digest of its space; return their hash.

    Raises:
        ResourceError: `disk_full`.
    """
    state = supernet.state_dict()
    digest = weight_hash(state)
    own = {"space": space_digest(supernet.space), "weight_hash": digest}
    write_tensors(path, state, {**(facts or {}), **own})
    return digest


def load_supernet(path: Path, space: SearchSpace) -> Supernet:
    """Return the supernet that `save_supernet` wrote.

    Raises:
        ArtifactError: `weights_not_found`, `damaged_weights`, or `checkpoint_mismatch` where the weights
            belong to another space.
    """
    tensors, manifest = read_tensors(path)
    if manifest.get("space") != space_digest(space):
        raise ArtifactError(
            "checkpoint_mismatch",
            f"{path} holds weights of another space than '{space.name}': train this one",
        )
    supernet = Supernet(space)
    supernet.load_state_dict(tensors)
    return supernet


def _damaged(path: Path, reason: str) -> ArtifactError:
    return ArtifactError("damaged_weights", f"{path} is damaged: {reason}; restore it or train again")
