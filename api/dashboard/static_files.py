"""The address of assets: kept by browsers for a year, since another content has another address."""

from typing import Final

from fastapi import APIRouter, Request, Response

from api.dashboard import assets
from api.dashboard.pages import takes_gzip

router = APIRouter(include_in_schema=False)

FOREVER: Final = "public, max-age=31536000, immutable"


@router.get("/static/{release}/{name}")
def static_file(release: str, name: str, request: Request) -> Response:
    """Return an asset; a page of an earlier release gets what there is now, and does not keep it."""
    found = assets.asset(name)
    headers = {
        "Cache-Control": FOREVER if release == assets.release() else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if takes_gzip(request):
        return Response(
            found.zipped, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type
        )
    return Response(found.content, headers=headers, media_type=found.media_type)
