"""What plans have to know of images, without opening them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nas.data.report import Notice


@dataclass(frozen=True)
class ImageFacts:
    """What is known of a data set.

    Attributes:
        digest: Of its content.
        class_names: In the order of their labels.
        num_confirm: Images that confirm an accuracy: both halves of validation where they swap.
        num_folds: One, or two where validation is cross-fitted.
        warnings: What is wrong with it.
    """

    digest: str
    class_names: tuple[str, ...]
    num_channels: int
    num_train: int
    num_validation: int
    num_test: int
    num_confirm: int
    num_folds: int
    warnings: tuple[Notice, ...] = ()

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)


def facts_of(report: Mapping[str, Any]) -> ImageFacts:
    """Return the facts of a data set whose report is given, as `DatasetReport.as_dict` makes it."""
    images, crossed = report["num_images"], bool(report["cross_fitted"])
    return ImageFacts(
        digest=report["digest"],
        class_names=tuple(report["class_names"]),
        num_channels=report["num_channels"],
        num_train=images["train"],
        num_validation=images["select"] + images["confirm"],
        num_test=images["test"],
        # Two folds swap both halves: each confirms what the other has chosen.
        num_confirm=images["confirm"] + (images["select"] if crossed else 0),
        num_folds=2 if crossed else 1,
        warnings=tuple(Notice(one["code"], one["message"]) for one in report["warnings"]),
    )


DIGITS: Final = ImageFacts(
    digest="115437ee899a253f7944b2f91e6e677e03d946626d4e2ff0a89b28d926dfae96",
    class_names=tuple("0123456789"),
    num_channels=1,
    num_train=899,
    num_validation=539,
    num_test=359,
    num_confirm=539,
    num_folds=2,
)
"""Of the digits that come with scikit-learn: they are always the same, and opening them loads all of it."""
