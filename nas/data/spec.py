"""Which data set a search uses: the part of a specification that `open_dataset` reads.

A discriminated union on `name`; `DatasetSpec` is what other schemas embed.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

Share = Annotated[float, Field(gt=0.0, lt=0.9)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Channels = Annotated[
    Literal["auto", 1, 3], BeforeValidator(lambda said: {"1": 1, "3": 3}.get(str(said), said))
]
"""A number may come as text, from a query or a command line."""


def _without_nul(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path has no NUL character")
    return path


Place = Annotated[Path, AfterValidator(_without_nul)]
"""Of files on this machine."""


class _Spec(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DigitsSpec(_Spec):
    """The 1,797 real 8 x 8 images of handwritten digits that come with scikit-learn; no download."""

    name: Literal["digits"] = "digits"


class ShapesSpec(_Spec):
    """Synthetic images of any number, size and difficulty, drawn the same on every machine.

    Attributes:
        num_train: Training images.
        num_validation: Validation images; from 1,000 on, select and confirm are separate images.
        num_test: Test images.
        num_classes: 2 to 40 kinds of shapes, the same number of images each.
        size: Side of an image as it is drawn, in pixels.
        difficulty: 0 (large, plain, clean) to 1 (small, cluttered, noisy, occluded), continuous.
        seed: Another seed is another sample of the same task.
    """

    name: Literal["shapes"] = "shapes"
    num_train: int = Field(default=10_000, ge=1, le=2_000_000)
    num_validation: int = Field(default=4_000, ge=2, le=2_000_000)
    num_test: int = Field(default=10_000, ge=1, le=2_000_000)
    num_classes: int = Field(default=10, ge=2, le=40)
    size: int = Field(default=32, ge=8, le=512)
    difficulty: float = Field(default=0.45, ge=0.0, le=1.0)
    seed: Seed = 0


class FolderRules(_Spec):
    """How a folder of image files is read, wherever it lies.

    Attributes:
        group_by: Keeps images that belong together in one split. "folder": those in the same folder;
            otherwise a regular expression with one group, searched in each file's path below the folder
            (with "/").
        on_broken: What an unreadable image does: it is skipped and reported, or the data set is refused.
        max_broken_share: More unreadable images than this share are an error even where they are skipped.
        val_share: Share of the images that may be split that goes to validation, where you have no such
            folder.
        test_share: The same for test.
        seed: Of the split.
        near_duplicates: Whether look-alikes across splits are searched for and reported.
        channels: 3 (colour), 1 (grey), or "auto": grey where every file is stored in grey.
    """

    group_by: str | None = None
    on_broken: Literal["skip", "fail"] = "skip"
    max_broken_share: float = Field(default=0.05, ge=0.0, le=1.0)
    val_share: Share = 0.15
    test_share: Share = 0.15
    seed: Seed = 0
    near_duplicates: Literal["report", "off"] = "report"
    channels: Channels = "auto"

    @field_validator("group_by")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is None or value == "folder":
            return value
        try:
            groups = re.compile(value).groups
        # Numbers and brackets beyond what the compiler takes are no errors of its own kind.
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"'{value}' is no regular expression: {error}") from error
        if groups != 1:
            raise ValueError(
                f"'{value}' has {groups} groups: put one pair of brackets around the scene's name"
            )
        return value

    @model_validator(mode="after")
    def _shares_leave_training(self) -> Self:
        _check_shares(self.val_share, self.test_share)
        return self


class ImageFolderSpec(FolderRules):
    """A folder of image files with one folder a class, with or without train / val / test above them.

    Attributes:
        path: The folder.
    """

    name: Literal["image_folder"] = "image_folder"
    path: Place


class CifarSpec(_Spec):
    """CIFAR-10 or CIFAR-100 in the published "python version".

    Attributes:
        name: Which of the two.
        path: The archive (`cifar-10-python.tar.gz`, `cifar-100-python.tar.gz`) or the folder it extracts to.
        val_share: Share of the training images that becomes validation; the test images are the published
            ones.
        seed: Of that split.
    """

    name: Literal["cifar10", "cifar100"]
    path: Place
    val_share: Share = 0.1
    seed: Seed = 0


class ArraysSpec(_Spec):
    """A numpy `.npz` file with `images` and `labels`, or the same for `train_`, `val_` and `test_`.

    Attributes:
        path: The file.
        val_share: Share that goes to validation where the file has none.
        test_share: The same for test.
        seed: Of the split.
    """

    name: Literal["arrays"] = "arrays"
    path: Place
    val_share: Share = 0.15
    test_share: Share = 0.15
    seed: Seed = 0

    @model_validator(mode="after")
    def _shares_leave_training(self) -> Self:
        _check_shares(self.val_share, self.test_share)
        return self


Content = Literal["images", "arrays"]

_OF_FOLDERS: Final = ("group_by", "on_broken", "max_broken_share", "near_duplicates", "channels")
"""Rules that arrays have no use for."""


class UploadRules(FolderRules):
    """How what was uploaded is read: as an image folder is; arrays have `val_share`, `test_share` and `seed`.

    Attributes:
        group_by: As that of an image folder; the path of a file is that inside the archive.
    """

    group_by: Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = None

    def not_of(self, content: Content) -> tuple[str, ...]:
        """Return the rules that are given and say nothing of such content."""
        fields = type(self).model_fields
        given = (name for name in _OF_FOLDERS if getattr(self, name) != fields[name].default)
        return tuple(given) if content == "arrays" else ()


class UploadedSpec(UploadRules):
    """Images that were uploaded: a zip of an image folder or a `.npz` file in the artifact store.

    Attributes:
        file: SHA-256 of it.
        content: `images`, one folder a class; or `arrays`, as `ArraysSpec` describes them.
    """

    name: Literal["uploaded"] = "uploaded"
    file: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    content: Content

    @model_validator(mode="after")
    def _rules_of_its_content(self) -> Self:
        if unfit := self.not_of(self.content):
            raise ValueError(f"{', '.join(unfit)}: of image folders only, and the file holds arrays")
        return self

    @model_serializer(mode="wrap")
    def _as_ever(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out rules that are not given: what was kept before there were any stays the same data set."""
        fields = type(self).model_fields
        return {
            name: value
            for name, value in written(self).items()
            if name not in _OF_FOLDERS or getattr(self, name) != fields[name].default
        }


def _check_shares(val_share: float, test_share: float) -> None:
    if val_share + test_share > 0.9:
        raise ValueError(f"val_share {val_share} + test_share {test_share} leaves less than 10 % to train on")


DatasetSpec = Annotated[
    DigitsSpec | ShapesSpec | ImageFolderSpec | CifarSpec | ArraysSpec | UploadedSpec,
    Field(discriminator="name"),
]
