"""The application: routes, the checks before them, the errors behind them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from api.board_traffic import BoardTraffic
from api.contract import Application
from api.dashboard import errors, screens
from api.hosts import Hosts
from api.limits import Limits
from api.login import LoginLinks
from api.metrics import Metrics
from api.pairing import Pairing
from api.rate_limits import Slots
from api.readiness import Readiness
from api.routes import (
    agents,
    datasets,
    devices,
    exports,
    health,
    jobs,
    login,
    searches,
    spaces,
    subnets,
    supernets,
)
from api.security import Gate, Reader, check_guarded
from api.state import Root, Service
from nas.settings import Settings
from nas.store.schema import schema_version
from nas.store.stores import Stores

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
MAX_STREAMS: Final = 20
"""That one key may have open at once."""

ROUTERS: Final = (
    searches.router,
    jobs.router,
    exports.router,
    subnets.router,
    supernets.router,
    devices.router,
    agents.router,
    datasets.router,
    spaces.router,
    health.router,
    login.router,
)


def create_app(
    settings: Settings, stores: Stores, *, hosts: Sequence[str] = (), root_path: str = ""
) -> FastAPI:
    """Return the application.

    Args:
        settings: Of this process.
        stores: Opened; whoever opened them closes them.
        hosts: Names that requests may give as their host, beside those of this machine.
    """
    service = _service(settings, stores)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        service.closing.set()

    app = Application(
        title="hwnas",
        version=version("hwnas"),
        description="Finds neural networks that are fast, small and frugal on your own hardware.",
        lifespan=lifespan,
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Metrics and lines of the log are this service's own: what asks for tracers at each request is not.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    for router in (*ROUTERS, *screens.ROUTERS):
        # As they are, one flat list: every operation can be looked at before anything is served.
        app.router.routes.extend(router.routes)

    @app.get("/openapi.json", include_in_schema=False)
    def contract(who: Reader, root: Root) -> JSONResponse:
        """Return the contract of this service."""
        return JSONResponse({**app.openapi(), "servers": [{"url": root or "/"}]})

    errors.install(app)
    app.add_middleware(Limits, hosts=Hosts([*LOOPBACK, *hosts]))
    check_guarded(app)
    return app


def _service(settings: Settings, stores: Stores) -> Service:
    return Service(
        settings=settings,
        stores=stores,
        gate=Gate(stores.keys, settings.requests_per_s),
        links=LoginLinks(stores.keys, settings.tenant),
        metrics=Metrics(stores.operations),
        streams=Slots(MAX_STREAMS),
        pairing=Pairing(stores.keys, stores.agents, settings.tenant),
        boards=BoardTraffic(stores),
        readiness=Readiness(partial(schema_version, stores.engine)),
    )
