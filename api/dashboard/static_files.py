"""The address of assets: kept by browsers for a year, since another content has another address."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.dashboard import assets
from api.dashboard.pages import takes_gzip

router = APIRouter(include_in_schema=False)

FOREVER: Final = "public, max-age=31536000, immutable"


@router.get("/static/{release}/{name}")
async def static_file(release: str, name: str, request: Request) -> Response:
    """Return an asset; a page of an earlier release gets what there is now, and does not keep it."""
    # Without a thread once it is read: those may all wait for a database that hangs.
    ready = assets.read_before(name)
    found = ready if ready is not None else await run_in_threadpool(assets.asset, name)
    headers = {
        "Cache-Control": FOREVER if release == assets.release() else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if takes_gzip(request):
        return Response(
            found.zipped, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type
        )
    return Response(found.content, headers=headers, media_type=found.media_type)
