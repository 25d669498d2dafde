"""Pages of lists: a limit, and an opaque cursor that stands still while rows are added."""

import base64
import binascii
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel

from search_spaces.errors import UsageError

MAX_LIMIT: Final = 200
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of a page.")]
Cursor = Annotated[str | None, Query(max_length=1100, description="`next_cursor` of the page before.")]

Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """Some of many.

    Attributes:
        items: In the order that the list says.
        next_cursor: Of the next page, null on the last.
    """

    items: tuple[Item, ...]
    next_cursor: str | None


def sealed(position: str | None) -> str | None:
    """Return a position as clients get it."""
    return None if position is None else base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def opened(cursor: str | None) -> str | None:
    """Return the position that a cursor stands for.

    Raises:
        UsageError: `invalid_cursor`.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise _none_of_ours() from error
    if "\0" in position:
        raise _none_of_ours()
    return position


def _none_of_ours() -> UsageError:
    return UsageError("invalid_cursor", "that cursor is none of ours: begin again without one")
