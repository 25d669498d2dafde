"""Every screen's router: a screen is on the air once it stands here."""

from typing import Final

from api.dashboard import candidate, compare, devices, front, searches, static_files

ROUTERS: Final = (
    static_files.router,
    searches.router,
    front.router,
    candidate.router,
    devices.router,
    compare.router,
)
