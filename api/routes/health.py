"""Whether this process lives, and whether it can serve."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.state import Shared
from nas.store.schema import schema_version

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How a process stands."""

    status: str


@router.get("/livez")
def alive() -> Health:
    """Answer while this process lives; nothing else is asked."""
    return Health(status="ok")


@router.get("/readyz")
def ready(service: Shared) -> Health:
    """Answer while requests can be served: 503 where the database is away."""
    schema_version(service.stores.engine)
    return Health(status="ok")
