import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from nas.data.spec import (
    ArraysSpec,
    CifarSpec,
    DatasetSpec,
    DigitsSpec,
    ImageFolderSpec,
    ShapesSpec,
)

ADAPTER: TypeAdapter[DatasetSpec] = TypeAdapter(DatasetSpec)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"name": "digits"}, DigitsSpec),
        ({"name": "shapes"}, ShapesSpec),
        ({"name": "image_folder", "path": "/data"}, ImageFolderSpec),
        ({"name": "cifar10", "path": "/data"}, CifarSpec),
        ({"name": "cifar100", "path": "/data"}, CifarSpec),
        ({"name": "arrays", "path": "/data.npz"}, ArraysSpec),
    ],
)
def test_the_name_decides_and_json_comes_back_equal(value: dict[str, Any], kind: type) -> None:
    spec = ADAPTER.validate_python(value)
    assert type(spec) is kind
    assert ADAPTER.validate_json(json.dumps(spec.model_dump(mode="json"))) == spec


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        ({"name": "imagenet"}, "digits"),
        ({"name": "digits", "seed": 1}, "Extra inputs"),
        ({"name": "image_folder"}, "path"),
        ({"name": "image_folder", "path": "/data", "group_by": "no group"}, "one pair of brackets"),
        ({"name": "image_folder", "path": "/data", "group_by": "(a)(b)"}, "2 groups"),
        ({"name": "image_folder", "path": "/data", "group_by": "(a"}, "no regular expression"),
        ({"name": "image_folder", "path": "/data", "val_share": 0.5, "test_share": 0.5}, "less than 10 %"),
        ({"name": "arrays", "path": "/data", "val_share": 0.0}, "greater than 0"),
        ({"name": "shapes", "num_classes": 41}, "40"),
        ({"name": "shapes", "difficulty": 1.5}, "1"),
    ],
)
def test_wrong_specifications_say_what_would_be_right(value: dict[str, Any], fix: str) -> None:
    with pytest.raises(ValidationError, match=fix):
        ADAPTER.validate_python(value)


def test_specifications_are_values() -> None:
    assert ShapesSpec(seed=1) == ShapesSpec(seed=1)
    with pytest.raises(ValidationError, match="frozen"):
        ShapesSpec().seed = 2
