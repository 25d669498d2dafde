"""Every screen's router: a screen is on the air once it stands here."""

from typing import Final

from api.dashboard import (
    candidate,
    compare,
    datasets,
    devices,
    error_pages,
    front,
    new_search,
    search,
    searches,
    sign_in,
    static_files,
)

ROUTERS: Final = (
    static_files.router,
    error_pages.router,
    sign_in.router,
    searches.router,
    new_search.router,
    search.router,
    front.router,
    candidate.router,
    devices.router,
    compare.router,
    datasets.router,
)
