"""Inserts that meet a row which is there already, on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Executable,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from nas.store.columns import Json, json_text

Row = Mapping[str, Any]

_DOCUMENT: Final = "rows"


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows that do not collide with one that is there; return how many those are.

    Args:
        connection: In a transaction that may write.
        table: Where.
        rows: With the same columns. An expression of the first, such as `now_ms()`, is that of all.
    """
    if not rows:
        return 0
    same = {name: value for name, value in rows[0].items() if isinstance(value, ColumnElement)}
    values = (
        [{name: value for name, value in row.items() if name not in same} for row in rows] if same else rows
    )
    if len(rows) > 1 and connection.dialect.name == "postgresql":
        statement = _insert_document(table, same, list(values[0]))
        return connection.execute(statement, {_DOCUMENT: _told(table, values)}).rowcount
    statement = _insert(connection, table).values(same).on_conflict_do_nothing()
    # As parameters: the text of a statement with all values in it would be made anew each time.
    return connection.execute(statement.execution_options(preserve_rowcount=True), values).rowcount


def _insert_document(table: Table, same: Row, names: Sequence[str]) -> Executable:
    """Return an insert of rows that come as one JSON document: thousands of parameters take twice as long."""
    document = cast(bindparam(_DOCUMENT, type_=Json()), JSON)
    told = [column(name, Text() if _is_json(table, name) else table.c[name].type) for name in names]
    rows = func.json_to_recordset(document).table_valued(*told).render_derived(with_types=True)
    chosen = select(*(rows.c[name] for name in names), *same.values())
    statement = postgresql.insert(table).from_select([*names, *same], chosen).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


def _told(table: Table, rows: Sequence[Row]) -> list[Row]:
    """Return rows for a document: what they hold of JSON is text in it, the same as of a single row."""
    texts = [name for name in rows[0] if _is_json(table, name)]
    return [{**row, **{name: json_text(row[name]) for name in texts}} for row in rows]


def _is_json(table: Table, name: str) -> bool:
    return isinstance(table.c[name].type, Json)


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
