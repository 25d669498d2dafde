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
    UploadedSpec,
)

UPLOADED = {"name": "uploaded", "file": "0" * 64, "content": "images"}

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
        (UPLOADED, UploadedSpec),
        ({**UPLOADED, "group_by": "folder", "on_broken": "fail", "channels": 1}, UploadedSpec),
        ({**UPLOADED, "max_broken_share": 0.5, "near_duplicates": "off"}, UploadedSpec),
        ({**UPLOADED, "content": "arrays", "val_share": 0.3, "seed": 4}, UploadedSpec),
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
        ({"name": "image_folder", "path": "a\0b"}, "a path has no NUL"),
        ({"name": "cifar10", "path": "a\0b"}, "a path has no NUL"),
        ({"name": "arrays", "path": "a\0b"}, "a path has no NUL"),
        ({"name": "image_folder", "path": "/data", "group_by": "no group"}, "one pair of brackets"),
        ({"name": "image_folder", "path": "/data", "group_by": "(a)(b)"}, "2 groups"),
        ({"name": "image_folder", "path": "/data", "group_by": "(a"}, "no regular expression"),
        (
            {"name": "image_folder", "path": "/data", "group_by": "(a{9999999999999})"},
            "no regular expression",
        ),
        ({**UPLOADED, "group_by": "no group"}, "one pair of brackets"),
        ({**UPLOADED, "group_by": "(a)" + "b" * 200}, "at most 200"),
        ({**UPLOADED, "group_by": "(a)\0"}, "pattern"),
        ({**UPLOADED, "path": "/data"}, "Extra inputs"),
        (
            {**UPLOADED, "content": "arrays", "group_by": "folder", "channels": 3},
            "group_by, channels: of image",
        ),
        ({"name": "image_folder", "path": "/data", "val_share": 0.5, "test_share": 0.5}, "less than 10 %"),
        ({"name": "arrays", "path": "/data", "val_share": 0.0}, "greater than 0"),
        ({"name": "shapes", "num_classes": 41}, "40"),
        ({"name": "shapes", "difficulty": 1.5}, "1"),
    ],
)
def test_wrong_specifications_say_what_would_be_right(value: dict[str, Any], fix: str) -> None:
    with pytest.raises(ValidationError, match=fix):
        ADAPTER.validate_python(value)


def test_numbers_of_channels_may_come_as_text() -> None:
    assert ImageFolderSpec.model_validate({"path": "/data", "channels": "3"}).channels == 3
    assert ImageFolderSpec.model_validate({"path": "/data", "channels": "auto"}).channels == "auto"
    with pytest.raises(ValidationError):
        ImageFolderSpec.model_validate({"path": "/data", "channels": "2"})


def test_what_was_uploaded_is_kept_as_before_where_no_rule_is_given() -> None:
    """Documents and digests of earlier versions stay what they were."""
    spec = ADAPTER.validate_python(UPLOADED)
    assert spec.model_dump(mode="json") == {**UPLOADED, "val_share": 0.15, "test_share": 0.15, "seed": 0}
    grouped = ADAPTER.validate_python({**UPLOADED, "group_by": "folder"})
    assert grouped.model_dump(mode="json")["group_by"] == "folder"


def test_specifications_are_values() -> None:
    assert ShapesSpec(seed=1) == ShapesSpec(seed=1)
    with pytest.raises(ValidationError, match="frozen"):
        ShapesSpec().seed = 2
