"""Files on their way to clients: what was scored, to the byte, and bundles of it."""

import base64
import hashlib
import io
import re
import tempfile
import zipfile
from pathlib import Path

from fastapi import Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from api.answers import is_known
from nas.job_records import Job
from nas.jobs import JobKind
from nas.network_specs import MADE, MadeNetwork
from nas.pipeline.deliver import deliver, deliver_made
from nas.results import SearchResult, VerifiedNetwork
from nas.store.searches import target_index
from nas.store.stores import Stores
from nas.store.subnets import network_of
from search_spaces.errors import UsageError


class ModelFile(FileResponse):
    """A file, or the part of it that is asked for (`Range`)."""

    media_type = "application/octet-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises:
            HTTPException: 416 where there is no such part; Starlette's own answers are no problem documents.
        """

        async def checked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400:
                size = self.headers["content-length"]
                raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
            await send(message)

        await super().__call__(scope, receive, checked)


class Bundle(Response):
    """A zip of a file with what belongs to it."""

    media_type = "application/zip"


_EARLIEST = (1980, 1, 1, 0, 0, 0)


def model_file(request: Request, stores: Stores, digest: str, name: str) -> Response:
    """Return an exported file, or that the client has it already; ranges may be asked for.

    Args:
        request: That is answered.
        stores: Where it is.
        digest: SHA-256 of the file, which the answer states (RFC 9530) and which was checked.
        name: For the file on the client's side, without its ending.

    Raises:
        ArtifactError: `artifact_missing` or `artifact_damaged`.
    """
    headers = _headers(f"{name}.onnx", bytes.fromhex(digest))
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return ModelFile(stores.artifacts.local_path(digest, ".onnx"), headers=headers)


def bundle(
    request: Request, stores: Stores, job: Job, network_name: str, target: int | None = None
) -> Response:
    """Return the bundle of a verified network as a zip: model, architecture, measurements, card, manifest.

    Or that the client has it already: the same search packs the same bytes.

    Args:
        request: That is answered.
        stores: Where it is.
        job: The search, or the job that made it.
        network_name: Its name, or that of its folder among what the search delivered.
        target: As which target has verified it, counted from 1; None for the first that has.

    Raises:
        UsageError: `search_not_finished`, `unknown_network` or `unknown_target`.
        ArtifactError: `wrong_file`, `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    with tempfile.TemporaryDirectory() as folder:
        content = _zipped(_delivered(stores, job, network_name, target, Path(folder) / network_name))
    headers = _headers(f"{network_name}.zip", hashlib.sha256(content).digest())
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Bundle(content, headers=headers)


def find_network(result: SearchResult, name: str, target: int | None = None) -> tuple[int, VerifiedNetwork]:
    """Return a verified network of a search by name, with the index of its target.

    Args:
        result: Of the search.
        name: Of the network.
        target: That has verified it, counted from 1; None for the first that has.

    Raises:
        UsageError: `unknown_network` or `unknown_target`.
    """
    found = network_of(result, name, None if target is None else target_index(result, target))
    if found is None:
        there = "" if target is None else f" for target {target}"
        raise UsageError(
            "unknown_network", f"search {result.id} has no network '{name}'{there}: see its front"
        )
    return found


def _delivered(stores: Stores, job: Job, name: str, target: int | None, folder: Path) -> Path:
    stored = stores.stored(job)
    if job.kind is not JobKind.SEARCH:
        made = stored.load(MADE, MadeNetwork)
        search = stores.stored(stores.jobs.get(job.tenant, made.search))
        return deliver_made(search, made, folder)
    result = stored.result()
    # With several targets, what was delivered is named after its target too.
    there = [one for one in result.deliveries if target in (None, one.target + 1)]
    chosen = next((one for one in there if one.folder.rpartition("/")[2] == name), None)
    if chosen is not None:
        name, target = chosen.name, chosen.target + 1
    number, network = find_network(result, name, target)
    whys = [one.why for one in result.deliveries if (one.name, one.target) == (network.name, number)]
    return deliver(
        stored,
        network,
        result.targets[number],
        folder,
        why=whys[0] if whys else "chosen by you",
        supernet=result.supernet,
        versions=result.versions,
    )


def _zipped(folder: Path) -> bytes:
    """Return a zip of a folder whose bytes depend on the files alone."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{path.name}", _EARLIEST), path.read_bytes())
    return written.getvalue()


def digest_headers(sha256: str) -> dict[str, str]:
    """Return the headers that state the SHA-256 of an answer's content (RFC 9530)."""
    return {
        "Cache-Control": "private, no-cache",
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:",
        "ETag": f'"{sha256}"',
    }


def _headers(name: str, sha256: bytes) -> dict[str, str]:
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:120]
    return {"Content-Disposition": f'attachment; filename="{plain}"', **digest_headers(sha256.hex())}
