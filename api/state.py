"""What routes share: the stores, opened once, and where this server stands.

Dependencies are coroutines: FastAPI would call a function in a thread, which costs more than all they do.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from api.board_traffic import BoardTraffic
from api.login import LoginLinks
from api.metrics import Metrics
from api.pairing import Pairing
from api.rate_limits import Slots
from api.readiness import Readiness
from api.remembered import Remembered
from api.security import Gate
from nas.settings import Settings
from nas.store.stores import Stores


@dataclass(frozen=True)
class Service:
    """A running application.

    Attributes:
        gate: Checks keys.
        links: Printed for browsers on this machine.
        metrics: For whoever watches.
        streams: That each key has open.
        pairing: Lets boards in that have a code.
        boards: What they ask of this process.
        readiness: Whether the database answers.
        remembered: How jobs stood a moment ago.
        closing: Set when it stops, so that streams end.
    """

    settings: Settings
    stores: Stores
    gate: Gate
    links: LoginLinks
    metrics: Metrics
    streams: Slots
    pairing: Pairing
    boards: BoardTraffic
    readiness: Readiness
    remembered: Remembered = field(default_factory=Remembered)
    closing: asyncio.Event = field(default_factory=asyncio.Event)


def service_of(request: Request) -> Service:
    """Return the application that serves a request."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


async def _service(request: Request) -> Service:
    return service_of(request)


Shared = Annotated[Service, Depends(_service)]


def root_of(request: Request) -> str:
    """Return the prefix under which a proxy has put this server."""
    return str(request.scope.get("root_path", "")).rstrip("/")


async def _root(request: Request) -> str:
    return root_of(request)


Root = Annotated[str, Depends(_root)]
