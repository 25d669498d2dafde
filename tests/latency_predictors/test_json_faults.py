import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from latency_predictors.json_faults import MAX_DEPTH, fault_in, parsed_json, problem, short, sound_json


class Model(BaseModel):
    """Has one field."""

    number: int


def nested(depth: int) -> Any:
    """Lists within lists."""
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    "document",
    [None, True, 2**63 - 1, -(2**63), 1e308, "x", [], {}, {"a": [1, {"b": 0.5}]}, nested(MAX_DEPTH - 1)],
)
def test_nothing_is_wrong_with_what_every_part_can_hold(document: Any) -> None:
    assert fault_in(document) == ""
    assert sound_json(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ('{"a": {"b": [0, NaN]}}', "a.b.1 is no finite number"),
        ('{"a": -Infinity}', "a is no finite number"),
        ('{"a": 1e999}', "a is no finite number"),
        (f'{{"a": {2**63}}}', "a is a number beyond 64 bits"),
        (f'{{"a": {-(10**400)}}}', "a is a number beyond 64 bits"),
        ('{"a": "\\u0000"}', "a is or has text"),
        ('{"a": {"\\ud800": 1}}', "a is or has text"),
        ("[" * 40 + "]" * 40, "nested too deeply"),
        ("[" * 200_000, "nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "4300 digits"),
        ("{", "Expecting"),
    ],
)
def test_what_no_part_can_hold_is_named_with_its_place(content: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        sound_json(content.encode())
    assert str(caught.value).isprintable()


def test_a_document_is_read_whatever_is_in_it() -> None:
    assert parsed_json(b'{"a": 1e999}') == {"a": float("inf")}
    with pytest.raises(ValueError, match="nested"):
        parsed_json(b"[" * 200_000)


def test_a_text_with_names_from_outside_is_one_line_and_short() -> None:
    assert short("table.a\nb") == "table.a b"
    far = short(f"{'x' * 10_000}.median_ms is -1")
    assert far.startswith("…x")
    assert far.endswith("x.median_ms is -1")
    assert len(far) < 200


def test_a_field_that_a_model_does_not_take_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({"number": "x"})
    assert problem(caught.value).startswith("number: Input should be a valid integer")
