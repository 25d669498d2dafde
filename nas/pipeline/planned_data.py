"""What a plan takes images for: a wrong folder shows in the names of its classes, before training."""

from typing import Self

from nas.data.facts import ImageFacts
from nas.results import Document


class PlannedData(Document):
    """Classes and images of a search.

    Attributes:
        class_names: In the order of the networks' outputs.
        num_train: Images to train on.
        num_validation: To choose with, and to confirm what was chosen.
        num_test: Never looked at before the end.
    """

    class_names: tuple[str, ...]
    num_train: int
    num_validation: int
    num_test: int

    @classmethod
    def of(cls, images: ImageFacts) -> Self:
        """Return what is told of images."""
        return cls(
            class_names=images.class_names,
            num_train=images.num_train,
            num_validation=images.num_validation,
            num_test=images.num_test,
        )
