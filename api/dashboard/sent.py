"""What forms of pages send."""

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import QueryParams


async def sent_form(request: Request) -> QueryParams:
    """Return what a form sends, which is as long as any body may be."""
    return QueryParams(await request.body())


Sent = Annotated[QueryParams, Depends(sent_form)]
