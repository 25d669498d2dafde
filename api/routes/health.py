"""Whether this process lives, whether it can serve, and what operators watch."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel

from api.metrics import CONTENT_TYPE
from api.security import Watcher
from api.state import Shared

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How a process stands."""

    status: str


@router.get("/livez")
async def alive() -> Health:
    """Answer while this process lives; nothing else is asked."""
    # Without a thread: those may all wait for a database that hangs.
    return Health(status="ok")


@router.get("/readyz")
async def ready(service: Shared) -> Health:
    """Answer while requests can be served: 503 where the database is away, or has not answered for 2 s."""
    await service.readiness.check()
    return Health(status="ok")


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(who: Watcher, service: Shared) -> Response:
    """Return metrics for Prometheus: requests of this process, jobs of the whole installation."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
