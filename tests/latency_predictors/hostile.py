"""Documents with something in the place of a field that nobody expects there."""

import copy
import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

TOO_LARGE: Final = "a number that is too large"
"""Stands in documents for 1e999, which nobody writes, and which is read as infinite."""

VALUES: Final[tuple[Any, ...]] = (
    math.nan,
    math.inf,
    -math.inf,
    TOO_LARGE,
    -1,
    0,
    0.5,
    1e300,
    1e-300,
    10**400,
    2**63 - 1,
    True,
    None,
    "",
    "\0",
    "\x1b[2J",
    "yesterday",
    "2026-01-01T00:00:01",
    [],
    [0.5, -0.5],
    {},
)

Place = tuple[str | int, ...]


def sample(document: Any, share: int = 1) -> Iterator[tuple[Place, Any]]:
    """Yield places and what to put there: each value in some place, each kind of field with some values.

    Args:
        document: JSON.
        share: One of how many.
    """
    for i, place in enumerate(one_of_each(document)):
        for j, value in enumerate(VALUES):
            if (i + j) % share == 0:
                yield place, value


def one_of_each(document: Any) -> list[Place]:
    """Return one place of each kind: a field of several layers, networks or sessions is one kind."""
    return list({_kind(place): place for place in _places(document)}.values())


def changed(document: Any, place: Place, value: Any) -> Any:
    """Return a document with something else in one place."""
    document = copy.deepcopy(document)
    inside = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    return document


def written(document: Any) -> bytes:
    """Return a document as somebody writes it whom the rules of JSON do not bind."""
    return json.dumps(document, sort_keys=True).replace(f'"{TOO_LARGE}"', "1e999").encode()


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    if place:
        yield place
    items: Sequence[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, inner in items:
        yield from _places(inner, (*place, key))


def _kind(place: Place) -> str:
    several = (isinstance(key, int) or re.fullmatch("[0-9a-f]{16,64}", key) for key in place)
    return ".".join("*" if one else str(key) for one, key in zip(several, place, strict=True))
