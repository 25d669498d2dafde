from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from api.dashboard.forms import fields_of, get, put


class _Inner(BaseModel):
    """Part of it.

    Attributes:
        pause_ms: Between two; a hint
            of two lines.
    """

    pause_ms: Annotated[float, Field(gt=0, le=200)] | None = None


class _Model(BaseModel):
    inner: _Inner = _Inner()
    threads: Literal[1, 2] = 1
    several: tuple[Literal["a", "b"], ...] = ("a",)
    on: bool = False
    count: Annotated[int, Field(ge=4, le=9)] = 5
    limits: dict[Literal["num_macs"], Annotated[float, Field(gt=0)]] = {}
    text: str = ""


FIELDS = {one.path: one for one in fields_of(_Model, "")}


def test_every_field_that_can_be_filled_in_is_made_of_the_model() -> None:
    assert [(one.path, one.kind) for one in FIELDS.values()] == [
        ("inner.pause_ms", "number"),
        ("threads", "choice"),
        ("several", "several"),
        ("on", "switch"),
        ("count", "whole"),
        ("limits.num_macs", "number"),
    ]
    assert FIELDS["inner.pause_ms"].hint == "Between two; a hint of two lines."
    assert (FIELDS["inner.pause_ms"].label, FIELDS["inner.pause_ms"].id) == ("Pause, ms", "inner-pause_ms")
    assert (FIELDS["count"].low, FIELDS["count"].high, FIELDS["limits.num_macs"].low) == (4, 9, 0)


@pytest.mark.parametrize(
    ("path", "texts", "value"),
    [
        ("threads", ["2"], 2),
        ("threads", ["3"], "3"),
        ("several", ["b", "a", ""], ["b", "a"]),
        ("several", [], []),
        ("on", ["true"], True),
        ("on", [], False),
        ("count", [" 7 "], 7),
        ("count", ["7.5"], "7.5"),
        ("count", [""], None),
        ("inner.pause_ms", ["2.5"], 2.5),
        ("inner.pause_ms", ["<b>"], "<b>"),
    ],
)
def test_what_is_sent_is_read_by_the_type_of_the_field(path: str, texts: list[str], value: object) -> None:
    assert FIELDS[path].read(texts) == value


def test_numbers_are_shown_as_they_are_typed() -> None:
    field = FIELDS["inner.pause_ms"]
    assert [field.text(one) for one in (1048576.0, 0.25, None, 3, "x")] == ["1048576", "0.25", "", "3", "x"]


def test_values_find_their_place_in_a_document() -> None:
    document: dict[str, Any] = {}
    put(document, "a.0.b", 1)
    put(document, "a.1.b.c", 2)
    put(document, "d", 3)
    assert document == {"a": [{"b": 1}, {"b": {"c": 2}}], "d": 3}
    assert (get(document, "a.1.b.c"), get(document, "a.7"), get(document, "d.e")) == (2, None, None)
