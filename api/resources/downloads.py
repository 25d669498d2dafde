"""Files on their way to clients: what was scored, to the byte, and bundles of it."""

import base64
import hashlib
import io
import re
import tempfile
import zipfile
from pathlib import Path

from fastapi import Response
from fastapi.responses import FileResponse

from nas.job_records import Job
from nas.pipeline.deliver import deliver
from nas.results import SearchResult, VerifiedNetwork
from nas.store.stores import Stores
from search_spaces.errors import UsageError


class ModelFile(FileResponse):
    """An exported file."""

    media_type = "application/octet-stream"


class Bundle(Response):
    """A zip of a file with what belongs to it."""

    media_type = "application/zip"


_EARLIEST = (1980, 1, 1, 0, 0, 0)


def model_file(stores: Stores, digest: str, name: str) -> ModelFile:
    """Return an exported file; ranges may be asked for.

    Args:
        stores: Where it is.
        digest: SHA-256 of the file, which the answer states (RFC 9530) and which was checked.
        name: For the file on the client's side, without its ending.

    Raises:
        ArtifactError: `artifact_missing` or `artifact_damaged`.
    """
    path = stores.artifacts.local_path(digest, ".onnx")
    return ModelFile(path, headers=_headers(f"{name}.onnx", bytes.fromhex(digest)))


def bundle(stores: Stores, job: Job, network_name: str) -> Response:
    """Return the bundle of a verified network as a zip: model, architecture, measurements, card, manifest.

    Raises:
        UsageError: `search_not_finished` or `unknown_network`.
        ArtifactError: `wrong_file`, `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    stored = stores.stored(job)
    result = stored.result()
    number, network = find_network(result, network_name)
    why = next((one.why for one in result.deliveries if one.name == network_name), "chosen by you")
    with tempfile.TemporaryDirectory() as folder:
        written = deliver(
            stored,
            network,
            result.targets[number],
            Path(folder) / network_name,
            why=why,
            supernet=result.supernet,
            versions=result.versions,
        )
        content = _zipped(written)
    headers = _headers(f"{network_name}.zip", hashlib.sha256(content).digest())
    return Bundle(content, headers=headers)


def find_network(result: SearchResult, name: str) -> tuple[int, VerifiedNetwork]:
    """Return a verified network of a search by name, with the index of its target.

    Raises:
        UsageError: `unknown_network`.
    """
    for number, target in enumerate(result.targets):
        for network in target.networks:
            if network.name == name:
                return number, network
    for network in result.references:
        if network.name == name:
            return 0, network
    raise UsageError("unknown_network", f"search {result.id} has no network '{name}': see its front")


def _zipped(folder: Path) -> bytes:
    """Return a zip of a folder whose bytes depend on the files alone."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{path.name}", _EARLIEST), path.read_bytes())
    return written.getvalue()


def _headers(name: str, sha256: bytes) -> dict[str, str]:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:120]
    return {
        "Content-Disposition": f'attachment; filename="{plain}"',
        "Cache-Control": "private, no-cache",
        "Repr-Digest": f"sha-256=:{base64.b64encode(sha256).decode()}:",
        "ETag": f'"{sha256.hex()}"',
    }
