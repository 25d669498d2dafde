"""Inserts that meet a row which is there already, on both databases."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter
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

from nas.store.columns import Json

Row = Mapping[str, Any]

_DOCUMENT: Final = "rows"
# A number that is none is written as such, for the database to refuse.
_ANYTHING: Final[TypeAdapter[Any]] = TypeAdapter(Any, config=ConfigDict(ser_json_inf_nan="constants"))


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
        document = _ANYTHING.dump_json(values).decode()
        return connection.execute(
            _insert_document(table, same, list(values[0])), {_DOCUMENT: document}
        ).rowcount
    key = next(iter(table.primary_key.columns))
    statement = _insert(connection, table).values(same).on_conflict_do_nothing().returning(key)
    # As parameters: the text of a statement with all values in it would be made anew each time.
    return len(connection.execute(statement, values).all())


def _insert_document(table: Table, same: Row, names: Sequence[str]) -> Executable:
    """Return an insert of rows that come as one JSON document: thousands of parameters take twice as long."""
    types = {name: JSON() if isinstance(table.c[name].type, Json) else table.c[name].type for name in names}
    document = cast(bindparam(_DOCUMENT, type_=Text), JSON)
    rows = func.json_to_recordset(document).table_valued(*(column(*one) for one in types.items()))
    told = rows.render_derived(with_types=True).c
    # A document inside is kept as the text that it is.
    own = [cast(told[name], Text) if isinstance(types[name], JSON) else told[name] for name in names]
    chosen = select(*own, *same.values())
    statement = postgresql.insert(table).from_select([*names, *same], chosen).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


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
