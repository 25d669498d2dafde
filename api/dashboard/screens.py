"""Every screen's router: a screen is on the air once it stands here."""

from typing import Final

from api.dashboard import candidate, compare, devices, error_pages, front, searches, static_files

ROUTERS: Final = (
    static_files.router,
    error_pages.router,
    searches.router,
    front.router,
    candidate.router,
    devices.router,
    compare.router,
)
