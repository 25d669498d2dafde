"""JSON from outside, read strictly before anything else sees it.

What passes is what every later part can hold and store: finite numbers within 64 bits, text without NUL or
lone surrogates, no key twice, bounded depth and count. The parser of the standard library lets all of these
through, and a database or an answer fails on them later.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from search_spaces.errors import UsageError

MAX_DEPTH: Final = 24
MAX_VALUES: Final = 20_000
MAX_TEXT: Final = 20_000
_MAX_INTEGER: Final = 2**63
_MAX_DIGITS: Final = 25


def check_json(body: bytes) -> None:
    """Refuse a body that is no strict JSON.

    Raises:
        UsageError: `malformed_json`, which says what is wrong and never repeats it.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    _check_depth(text)
    try:
        document = json.loads(
            text,
            parse_constant=_no_number,
            parse_int=_integer,
            parse_float=_number,
            object_pairs_hook=_unique,
        )
    except (ValueError, RecursionError) as error:
        raise _malformed("it cannot be parsed") from error
    _check_values(document)


def _check_depth(text: str) -> None:
    """Bound the nesting before the parser recurses into it; brackets in text count too, which is harmless."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > 4 * MAX_DEPTH:
        raise _malformed(f"it is nested deeper than {MAX_DEPTH}")


def _check_values(document: Any) -> None:
    waiting: list[tuple[Any, int]] = [(document, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise _malformed(f"it is nested deeper than {MAX_DEPTH}")
        if count > MAX_VALUES:
            raise _malformed(f"it has more than {MAX_VALUES} values")
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, dict):
            waiting.extend((key, depth) for key in value)
            waiting.extend((one, depth + 1) for one in value.values())
        elif isinstance(value, list):
            waiting.extend((one, depth + 1) for one in value)


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise _malformed(f"a text is longer than {MAX_TEXT} characters")
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise _malformed("a text has characters that are none (NUL, half of a surrogate pair)")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("a key stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS or not -_MAX_INTEGER <= int(text) < _MAX_INTEGER:
        raise _malformed("a whole number does not fit into 64 bits")
    return int(text)


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise _malformed("a number is too large")
    return value


def _no_number(name: str) -> NoReturn:
    raise _malformed("NaN and Infinity are no JSON")


def _malformed(reason: str) -> UsageError:
    return UsageError("malformed_json", f"the body is no JSON that is taken here: {reason}")
