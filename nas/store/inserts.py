"""Inserts that meet a row which is there already, on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows that do not collide with one that is there; return how many those are.

    Args:
        connection: In a transaction that may write.
        table: Where.
        rows: With the same columns. An expression of the first, such as `now_ms()`, is that of all.
    """
    if not rows:
        return 0
    key = next(iter(table.primary_key.columns))
    same = {name: value for name, value in rows[0].items() if isinstance(value, ColumnElement)}
    statement = _insert(connection, table).values(same).on_conflict_do_nothing().returning(key)
    # As parameters: the text of a statement with all values in it would be made anew each time.
    values = [{name: value for name, value in row.items() if name not in same} for row in rows]
    return len(connection.execute(statement, values).all())


def insert_or_replace(connection: Connection, table: Table, row: Row) -> None:
    """Insert a row, or give the one with its primary key these values."""
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: value for name, value in row.items() if name not in keys}
    statement = _insert(connection, table).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def add_to(connection: Connection, table: Table, row: Row) -> None:
    """Insert a row, or add its numbers to those of the one with its primary key."""
    keys = [column.name for column in table.primary_key.columns]
    sums = {name: table.c[name] + value for name, value in row.items() if name not in keys}
    statement = _insert(connection, table).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=sums))


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    # Same methods on both; SQLAlchemy has no common class for them.
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
