"""Which classes a network takes for which: counts over images, and what is read off them."""

from dataclasses import dataclass

import numpy as np

from search_spaces.base import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix by its cells that are not empty: with many classes most are.

    Attributes:
        num_classes: Rows and columns.
        labels: Rows of the cells, which are the images' own classes, (cells,), in order.
        predicted: Their columns: what the network takes these images for, (cells,).
        counts: Images in each, (cells,).
    """

    num_classes: int
    labels: IntArray
    predicted: IntArray
    counts: IntArray

    @property
    def num_images(self) -> IntArray:
        """Images of each class, (classes,)."""
        return self._by_class(self.labels, self.counts)

    @property
    def num_correct(self) -> IntArray:
        """Images of each class that are taken for it, (classes,)."""
        right = self.labels == self.predicted
        return self._by_class(self.labels[right], self.counts[right])

    @property
    def recall(self) -> FloatArray:
        """Share of each class that is recognised, (classes,); NaN where it has no image."""
        with np.errstate(invalid="ignore"):
            return self.num_correct / self.num_images

    @property
    def matrix(self) -> IntArray:
        """All cells, (classes, classes): of a class, a row; taken for a class, a column."""
        dense = np.zeros((self.num_classes, self.num_classes), dtype=np.int64)
        dense[self.labels, self.predicted] = self.counts
        return dense

    def most_confused(self, most: int) -> list[tuple[int, int, int]]:
        """Return pairs of classes that are confused most: own class, taken for, images; the most first."""
        wrong = np.flatnonzero(self.labels != self.predicted)
        ranked = wrong[np.argsort(-self.counts[wrong], kind="stable")][:most]
        return [(int(self.labels[k]), int(self.predicted[k]), int(self.counts[k])) for k in ranked]

    def _by_class(self, classes: IntArray, counts: IntArray) -> IntArray:
        totals = np.zeros(self.num_classes, dtype=np.int64)
        np.add.at(totals, classes, counts)
        return totals


def confusion(labels: IntArray, predicted: IntArray, num_classes: int) -> Confusion:
    """Return the confusion matrix of answers.

    Args:
        labels: The classes of images, (n,), each below `num_classes`.
        predicted: What they are taken for, (n,).
        num_classes: That there are.
    """
    cells, counts = np.unique(labels * num_classes + predicted, return_counts=True)
    rows, columns = np.divmod(cells, num_classes)
    return Confusion(num_classes, rows, columns, counts)
