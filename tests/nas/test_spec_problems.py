"""What is wrong with a specification is said field by field."""

import pytest
from pydantic import BaseModel, ValidationError

from nas.spec_problems import problems_of


class Inner(BaseModel):
    size: int


class Outer(BaseModel):
    name: str
    inner: Inner


def test_every_field_that_is_wrong_is_named_with_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"inner": {"size": "large"}})
    assert problems_of(caught.value) == (
        "name: Field required; inner.size: Input should be a valid integer, unable to parse string as an "
        "integer (got 'large')"
    )


def test_what_is_no_mapping_is_the_specification_itself() -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate([])
    assert problems_of(caught.value).startswith("specification: Input should be")
