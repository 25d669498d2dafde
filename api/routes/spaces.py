"""Families of networks that can be searched."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.security import Reader
from api.spaces import SpaceDetails, SpaceList, list_spaces, show_space

router = APIRouter(prefix="/v1/spaces", tags=["spaces"])


@router.get("")
def spaces(who: Reader) -> SpaceList:
    """Return every family with every preset."""
    return list_spaces()


@router.get("/{name}")
def space(
    name: str,
    who: Reader,
    preset: Annotated[str | None, Query(max_length=60)] = None,
    num_classes: Annotated[int, Query(ge=2, le=100_000)] = 10,
    in_channels: Annotated[int, Query(ge=1, le=4)] = 3,
) -> SpaceDetails:
    """Return a family: its choices with their options."""
    return show_space(name, preset, num_classes, in_channels)
