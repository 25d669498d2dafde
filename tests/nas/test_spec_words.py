"""What is asked for in words is checked as in files, and what was not asked for is known."""

from typing import Any

import pytest

from nas.spec_words import parse_context
from nas.specs import ContextSpec
from search_spaces.errors import UsageError


def test_a_context_is_that_of_specifications() -> None:
    asked: dict[str, Any] = {"runtime": "openvino", "precision": "int8", "threads": 4, "batch": 8}
    assert parse_context(**asked) == ContextSpec.model_validate(asked)


def test_what_was_not_asked_for_is_as_usual_and_not_set() -> None:
    context = parse_context("onnxruntime", None, 1, None)
    assert context == ContextSpec()
    assert context.model_fields_set == {"runtime", "batch"}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (("abacus", 1, 1, None), "onnxruntime"),
        (("openvino", 3, 1, None), "threads"),
        (("openvino", 1, 0, None), "batch"),
        (("openvino", 1, 1, "int4"), "precision"),
    ],
)
def test_a_context_that_there_is_not_is_refused_in_words(asked: tuple[Any, ...], named: str) -> None:
    with pytest.raises(UsageError, match=named) as caught:
        parse_context(*asked)
    assert caught.value.code == "invalid_spec"
