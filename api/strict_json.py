"""JSON from outside, read strictly before anything else sees it.

What passes is what every later part can hold and store: finite numbers within 64 bits, text without NUL or
lone surrogates, no key twice, bounded depth and count. The parser of the standard library lets all of these
through, and a database or an answer fails on them later.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, chain
from typing import Any, Final, NoReturn

from search_spaces.errors import UsageError

MAX_DEPTH: Final = 24
MAX_VALUES: Final = 20_000
MAX_TEXT: Final = 20_000
_MAX_INTEGER: Final = 2**63
_DEEPER: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS: Final = bytes(set(range(256)).difference(_DEEPER))
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


def read_json(body: bytes) -> Any:
    """Return the document of a body; refuse a body that is no strict JSON.

    Raises:
        UsageError: `malformed_json`, which says what is wrong and never repeats it.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed("it is not UTF-8") from error
    _check_depth(body)
    try:
        # Numbers are looked at below, all of one depth together: a call for each takes longer than parsing.
        document = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise _malformed("it cannot be parsed") from error
    _check_values(document, escapes="\\u" in text)
    return document


def _check_depth(body: bytes) -> None:
    """Bound the nesting before the parser recurses into it; brackets in text count too, which is harmless."""
    brackets = body.translate(None, _NO_BRACKETS)
    deepest = max(accumulate(map(_DEEPER.__getitem__, brackets)), default=0)
    if deepest > 4 * MAX_DEPTH:
        raise _malformed(f"it is nested deeper than {MAX_DEPTH}")


def _check_values(document: Any, *, escapes: bool) -> None:
    """Look at a document level by level: a pack of results has thousands of values."""
    level, depth, count = [document], 1, 0
    while level:
        if depth > MAX_DEPTH:
            raise _malformed(f"it is nested deeper than {MAX_DEPTH}")
        kinds: defaultdict[type, list[Any]] = defaultdict(list)
        for value in level:
            kinds[type(value)].append(value)
        objects, lists = kinds[dict], kinds[list]
        keys = set(chain.from_iterable(objects))
        count += len(level) + sum(map(len, objects))
        if count > MAX_VALUES:
            raise _malformed(f"it has more than {MAX_VALUES} values")
        _check_texts([*kinds[str], *keys], escapes=escapes)
        _check_numbers(kinds[int], kinds[float])
        level = [*chain.from_iterable(one.values() for one in objects), *chain.from_iterable(lists)]
        depth += 1


def _check_texts(texts: Sequence[str], *, escapes: bool) -> None:
    if max(map(len, texts), default=0) > MAX_TEXT:
        raise _malformed(f"a text is longer than {MAX_TEXT} characters")
    # As they are, the decoder of UTF-8 and the parser have refused them already.
    if escapes and any(_NO_TEXT.search(text) for text in texts):
        raise _malformed("a text has characters that are none (NUL, half of a surrogate pair)")


def _check_numbers(integers: Sequence[int], others: Sequence[float]) -> None:
    if integers and not (min(integers) >= -_MAX_INTEGER and max(integers) < _MAX_INTEGER):
        raise _malformed("a whole number does not fit into 64 bits")
    if not all(map(math.isfinite, others)):
        raise _malformed("a number is too large")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("a key stands twice in one object")
    return found


def _no_number(name: str) -> NoReturn:
    raise _malformed("NaN and Infinity are no JSON")


def _malformed(reason: str) -> UsageError:
    return UsageError("malformed_json", f"the body is no JSON that is taken here: {reason}")
