"""JSON from outside, read strictly before anything else sees it.

What passes is what every later part can hold and store: finite numbers within 64 bits, text without NUL or
lone surrogates, no key twice, bounded depth and count. The parser of the standard library lets all of these
through, and a database or an answer fails on them later.
"""

import json
import math
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, NoReturn

from search_spaces.errors import UsageError

MAX_DEPTH: Final = 24
MAX_VALUES: Final = 20_000
MAX_TEXT: Final = 20_000
_MAX_INTEGER: Final = 2**63
_MAX_DIGITS: Final = 25
_BRACKETS: Final = re.compile(r"[\[\]{}]")
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


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
    _check_values(document, escapes="\\u" in text)


def _check_depth(text: str) -> None:
    """Bound the nesting before the parser recurses into it; brackets in text count too, which is harmless."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        if bracket in "[{":
            depth += 1
            deepest = max(deepest, depth)
        else:
            depth -= 1
    if deepest > 4 * MAX_DEPTH:
        raise _malformed(f"it is nested deeper than {MAX_DEPTH}")


def _check_values(document: Any, *, escapes: bool) -> None:
    """Look at a document level by level: a pack of results has thousands of values."""
    level, depth, count = [document], 1, 0
    while level:
        if depth > MAX_DEPTH:
            raise _malformed(f"it is nested deeper than {MAX_DEPTH}")
        objects = [value for value in level if isinstance(value, dict)]
        lists = [value for value in level if isinstance(value, list)]
        texts = [value for value in level if isinstance(value, str)]
        keys = list(chain.from_iterable(objects))
        count += len(level) + len(keys)
        if count > MAX_VALUES:
            raise _malformed(f"it has more than {MAX_VALUES} values")
        _check_texts([*texts, *keys], escapes=escapes)
        level = [*chain.from_iterable(one.values() for one in objects), *chain.from_iterable(lists)]
        depth += 1


def _check_texts(texts: Sequence[str], *, escapes: bool) -> None:
    if max(map(len, texts), default=0) > MAX_TEXT:
        raise _malformed(f"a text is longer than {MAX_TEXT} characters")
    # As they are, the decoder of UTF-8 and the parser have refused them already.
    if escapes and any(_NO_TEXT.search(text) for text in texts):
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
