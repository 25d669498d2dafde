"""Lists in pages: each begins after a row of the one before, and stands still while rows are added."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, tuple_

from search_spaces.errors import UsageError

MAX_PAGE: Final = 500

Item = TypeVar("Item")
Order = tuple[ColumnElement[int], ColumnElement[str]]
"""The columns that a list is ordered by, newest first: `created_at_ms`, then an identifier."""


@dataclass(frozen=True)
class Listed(Generic[Item]):
    """Some of many.

    Attributes:
        items: Of this page.
        cursor: Of the next page; None where there is none.
    """

    items: tuple[Item, ...]
    cursor: str | None


def cut(found: Sequence[Item], limit: int, place: Callable[[Item], str]) -> Listed[Item]:
    """Return a page of what was found.

    Args:
        found: At least one more than the page holds, where there is more.
        limit: Items of the page.
        place: Returns where an item stands in the list: the cursor of what comes after it.
    """
    following = place(found[limit - 1]) if len(found) > limit else None
    return Listed(tuple(found[:limit]), following)


def newest(
    connection: Connection,
    query: Select[Any],
    order: Order,
    limit: int,
    cursor: str | None,
) -> Listed[Row[Any]]:
    """Return a page of rows that have `created_at_ms` and `id`, newest first.

    Args:
        connection: To read from.
        query: For all of them.
        order: Of the table that planners are to begin with.
        limit: At most `MAX_PAGE`.
        cursor: Of the page before.

    Raises:
        UsageError: `invalid_cursor`.
    """
    limit = max(1, min(limit, MAX_PAGE))
    if cursor is not None:
        # As one value: planners begin at its place in the index.
        query = query.where(tuple_(*order) < _read_cursor(cursor))
    rows = connection.execute(query.order_by(*(column.desc() for column in order)).limit(limit + 1)).all()
    return cut(rows, limit, lambda row: f"{row.created_at_ms}.{row.id}")


def _read_cursor(cursor: str) -> tuple[int, str]:
    created_at_ms, dot, row_id = cursor.partition(".")
    if not (dot and created_at_ms.isascii() and created_at_ms.isdigit() and len(created_at_ms) < 16):
        raise UsageError("invalid_cursor", "that cursor is none of ours: begin again without one")
    return int(created_at_ms), row_id
