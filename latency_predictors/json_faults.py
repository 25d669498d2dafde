"""What is wrong with a document from a file, in one line that names the place.

Parsers take more than later parts can hold: numbers that are none or beyond 64 bits, halves of characters,
nesting that ends whoever walks through it.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import ValidationError

from latency_predictors.wire_types import one_line

MAX_DEPTH: Final = 32
"""Of values within values; no document of ours has a third of it."""

_MAX_INTEGER: Final = 2**63
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_LONGEST: Final = 160


def sound_json(content: bytes) -> Any:
    """Return the document in JSON.

    Raises:
        ValueError: It is no JSON, or `fault_in` finds something in it.
    """
    document = parsed_json(content)
    if fault := fault_in(document):
        raise ValueError(fault)
    return document


def parsed_json(content: bytes) -> Any:
    """Return the document in JSON, whatever is in it.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def fault_in(document: object) -> str:
    """Return where a document holds what later parts cannot, and what that is; empty where nothing is wrong.

    Args:
        document: As `json.loads` gives it.
    """
    level: list[tuple[str, object]] = [("", document)]
    for _ in range(MAX_DEPTH):
        for where, value in level:
            if fault := _fault(value):
                return f"{short(where)} {fault}"
        level = [
            (f"{where}.{key}" if where else str(key), inner)
            for where, value in level
            for key, inner in _inner(value)
        ]
    return "it is nested too deeply" if level else ""


def problem(error: ValidationError) -> str:
    """Return the first field that a model does not take, and why."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{short(where)}: {first['msg']}"


def short(text: str) -> str:
    """Return a text with names from outside in one line, and only its end where these are long."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"…{line[-_LONGEST:]}"


def _inner(value: object) -> Iterable[tuple[object, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _fault(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "is no finite number"
    if isinstance(value, int) and not -_MAX_INTEGER <= value < _MAX_INTEGER:
        return "is a number beyond 64 bits"
    texts = [value] if isinstance(value, str) else value if isinstance(value, dict) else ()
    if any(_NO_TEXT.search(text) for text in texts):
        return "is or has text with characters that are none"
    return ""
