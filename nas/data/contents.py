"""What a data set holds: parts, folds, labels. Plain frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from search_spaces.base import IntArray

Part = Literal["train", "validation", "test"]
"""How images are stored. Validation is split once more, into folds."""

SplitName = Literal["train", "select", "confirm", "test"]
"""Who may see an image: `select` steers the search, `confirm` is touched by verification alone."""

PARTS: Final[tuple[Part, ...]] = ("train", "validation", "test")
PART_CODE: Final[Mapping[Part, int]] = {"train": 0, "validation": 1, "test": 2}
UNASSIGNED: Final = -1
"""Part code of an image that has not been given to a part yet."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One way of using validation: ascending indices into its images, disjoint, together all."""

    select: IntArray
    confirm: IntArray


@dataclass(frozen=True, eq=False)
class Contents:
    """Everything about a data set but its pixels.

    Attributes:
        name: As in the specification.
        class_names: The name of label 0, 1, ...
        num_channels: 1 or 3.
        labels: Of every part; shape (n,).
        folds: One where validation is large enough, else two with select and confirm swapped (cross-fitting).
    """

    name: str
    class_names: tuple[str, ...]
    num_channels: int
    labels: Mapping[Part, IntArray]
    folds: tuple[Fold, ...]
