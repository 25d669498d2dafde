import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.strict_json import MAX_DEPTH, MAX_TEXT, MAX_VALUES, read_json
from search_spaces.errors import UsageError

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_what_every_later_part_can_hold_passes(document: object) -> None:
    read_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 4_000 + b"}",
        b'{"a": 9223372036854775808}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": {"b": 1, "b": 2}, "c": "\\u003a"}',
        b'{"a": ["x", {"b:": 1, "b:": ":"}]}',
        b'{"a": "\\"", "a": "\\\\"}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" + b"1," * MAX_VALUES + b"1]",
        b'["' + b"a" * (MAX_TEXT + 1) + b'"]',
        b"'a'",
        b'{"a": 1} {"b": 2}',
    ],
)
def test_what_would_fail_later_is_refused(body: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        read_json(body)
    assert caught.value.code == "malformed_json"


def test_brackets_in_text_are_text() -> None:
    read_json(json.dumps({"a": "[" * 20}).encode())


def test_colons_and_quotes_in_text_are_text() -> None:
    document = {"a:": ':":', "b": {"a:": '\\":', "": ":"}, "c": ["\u00e4:", "{'d': 1}"]}
    for ascii_only in (True, False):
        assert read_json(json.dumps(document, ensure_ascii=ascii_only).encode()) == document


@given(st.dictionaries(TEXTS, TEXTS | st.floats(allow_nan=False, allow_infinity=False)))
def test_what_is_read_is_what_was_written(document: dict[str, object]) -> None:
    body = json.dumps(document, ensure_ascii=len(document) % 2 == 0)
    assert read_json(body.encode()) == document
