"""Families of networks that can be searched."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers import tagged
from api.security import Reader
from api.spaces import SpaceDetails, SpaceList, list_spaces, show_space

router = APIRouter(prefix="/v1/spaces", tags=["spaces"])


@router.get("", response_model=SpaceList)
def spaces(who: Reader, request: Request) -> Response:
    """Return every family with every preset."""
    return tagged(request, list_spaces())


@router.get("/{name}", response_model=SpaceDetails)
def space(
    name: str,
    who: Reader,
    request: Request,
    preset: Annotated[str | None, Query(max_length=60)] = None,
    num_classes: Annotated[int, Query(ge=2, le=100_000)] = 10,
    in_channels: Annotated[int, Query(ge=1, le=4)] = 3,
) -> Response:
    """Return a family: its choices with their options."""
    return tagged(request, show_space(name, preset, num_classes, in_channels))
