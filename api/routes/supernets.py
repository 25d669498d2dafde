"""Supernets: what a further search may go on from."""

from fastapi import APIRouter
from pydantic import BaseModel

from api.security import Reader
from api.state import Shared
from api.supernets import SupernetLine, supernet_line

router = APIRouter(prefix="/v1/supernets", tags=["supernets"])


class SupernetItems(BaseModel):
    """All supernets, newest first."""

    items: tuple[SupernetLine, ...]


@router.get("")
def supernets(who: Reader, service: Shared) -> SupernetItems:
    """Return the supernets, and networks that were trained alone."""
    return SupernetItems(
        items=tuple(supernet_line(one) for one in service.stores.supernets.list_all(who.tenant))
    )


@router.get("/{supernet_id}")
def supernet(supernet_id: str, who: Reader, service: Shared) -> SupernetLine:
    """Return a supernet."""
    return supernet_line(service.stores.supernets.get(who.tenant, supernet_id))
