"""What is wrong with a specification is said field by field."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from nas.data.spec import DatasetSpec
from nas.spec_problems import problems_of


class Inner(BaseModel):
    size: int


class Listed(BaseModel):
    inners: Annotated[tuple[Inner, ...], Field(min_length=2)]
    sizes: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)


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


def test_a_list_is_not_too_short_because_of_what_is_wrong_in_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Listed.model_validate({"inners": [{"size": 1}, {"size": "large"}], "sizes": []})
    wrong_item, too_short = problems_of(caught.value).split("; ")
    assert wrong_item.startswith("inners.1.size: Input should be a valid integer")
    assert too_short.startswith("sizes: Tuple should have at least 1 item")


@pytest.mark.parametrize(("name", "ending"), [("foo", "'arrays', 'stored'"), ("stored", "'arrays'")])
def test_the_kinds_of_data_that_are_named_are_those_that_users_write(name: str, ending: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter[DatasetSpec](DatasetSpec).validate_python({"name": name})
    said = problems_of(caught.value)
    assert f"tag '{name}'" in said
    assert said.endswith(
        f"expected tags: 'digits', 'shapes', 'image_folder', 'cifar10', 'cifar100', {ending}"
    )
