"""Bodies that are streamed to disk: counted as they come, whole in the artifact store or not at all."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from api.limits import READS_STREAM
from api.state import Service
from nas.store.dataset_store import too_much_stored
from nas.workplace import scratch_folder
from search_spaces.atomic import FULL
from search_spaces.errors import ResourceError, UsageError

MAX_UPLOAD_BYTES: Final = 4 * 2**30
SILENCE_S: Final = 30.0
"""Between two pieces of a body."""
UPLOAD_S: Final = 3_600.0
"""For a whole body."""

_BLOCK: Final = 2**20


async def uploaded(
    service: Service, request: Request, check: Callable[[Path], str], room: int
) -> tuple[str, str, int]:
    """Keep the body of a request as an artifact.

    Args:
        service: Where.
        request: Whose body is streamed.
        check: Looks at the whole file before it is kept; raises what is wrong with it.
        room: Bytes that whoever asks may still have stored.

    Returns:
        Its digest, what the check said, and its size in bytes.

    Raises:
        UsageError: `body_too_large`, `too_much_stored`, `body_too_slow` or `empty_body`.
        ResourceError: `disk_full`.
        HwnasError: What the check raises. Nothing is left behind then.
    """
    setattr(request.state, READS_STREAM, True)
    stated = request.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and int(stated) > MAX_UPLOAD_BYTES:
        raise _too_large()
    with scratch_folder(service.settings.home / "scratch") as folder:
        path = folder / "upload"
        try:
            await _write(request, path, room)
        except OSError as error:
            if error.errno in FULL:
                raise ResourceError(
                    "disk_full", "no room for the upload: free some, then send it again"
                ) from error
            raise
        return await run_in_threadpool(_kept, service, path, check)


async def _write(request: Request, path: Path, room: int) -> None:
    size, waiting = 0, bytearray()
    with path.open("xb") as file:
        async for piece in _pieces(request):
            size += len(piece)
            if size > MAX_UPLOAD_BYTES:
                raise _too_large()
            if size > room:
                raise too_much_stored()
            waiting += piece
            if len(waiting) >= _BLOCK:
                await run_in_threadpool(file.write, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(file.write, bytes(waiting))
    if not size:
        raise UsageError("empty_body", "the body is empty: send the bytes of the file")


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    pieces, deadline = request.stream(), time.monotonic() + UPLOAD_S
    while True:
        left_s = deadline - time.monotonic()
        try:
            if left_s <= 0:
                raise TimeoutError
            async with asyncio.timeout(min(SILENCE_S, left_s)):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise UsageError("body_too_slow", "the upload took too long, or paused: send it again") from error
        except ClientDisconnect as error:
            raise UsageError(
                "body_too_slow", "the connection was closed before the body was there"
            ) from error
        yield piece


def _kept(service: Service, path: Path, check: Callable[[Path], str]) -> tuple[str, str, int]:
    said = check(path)
    return service.stores.artifacts.put_file(path), said, path.stat().st_size


def _too_large() -> UsageError:
    return UsageError(
        "body_too_large", f"an upload has at most {MAX_UPLOAD_BYTES >> 30} GiB: split the data up"
    )
