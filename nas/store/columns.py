"""How columns of every table are written: JSON as text, times by the database's own clock."""

import json
from typing import Any, Final

from sqlalchemy import BigInteger, Column, ColumnElement, Dialect, String, Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

from latency_predictors.protocol import WireModel

DIGEST = String(64)
"""A SHA-256 in hex."""

NAME = String(200)


# One for all: making it takes as long as a small document.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def json_text(value: Any) -> str:
    """Return what a column of JSON keeps of a value, or of a wire model."""
    if isinstance(value, WireModel):
        text = value.model_dump_json()  # in a fifth of the time
        if "NaN" not in text and "Infinity" not in text:
            return text
        value = value.model_dump(mode="json")
    return _ENCODER.encode(value)


class Json(TypeDecorator[Any]):
    """JSON kept as the text that was written: the same bytes on every database, keys in their order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the text, also of a model; what JSON cannot say (a number that is none) is refused."""
        return json_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return what was written."""
        return None if value is None else json.loads(value)


class now_ms(FunctionElement[int]):  # noqa: N801 - reads as the SQL function that it is
    """Milliseconds since 1970 by the clock of the database: the only one that leases are compared by."""

    type = BigInteger()
    inherit_cache = True


@compiles(now_ms, "sqlite")
def _sqlite_now(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(now_ms, "postgresql")
def _postgresql_now(element: now_ms, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"


def exactly(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Return `column = 'value'` with the value in the text of the statement.

    Planners use a partial index only where its condition stands there; a bound value might be anything.

    Args:
        column: Of names.
        value: A name of ours, never text from outside.
    """
    assert value.isidentifier(), value
    return column == literal_column(f"'{value}'")


def whose() -> tuple[Column[str], Column[str]]:
    """Return the columns that say whose a row is."""
    return Column("tenant", NAME, nullable=False), Column("owner", NAME, nullable=False)


def at(name: str) -> Column[int]:
    """Return a column of a time in milliseconds; 0 for never, so that a comparison always decides."""
    return Column(name, BigInteger, nullable=False, server_default="0")
