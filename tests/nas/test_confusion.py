import numpy as np
import pytest

from nas.confusion import confusion

# Eleven images of four classes; the last class has none.
LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
PREDICTED = np.array([0, 0, 1, 3, 1, 1, 0, 1, 1, 1, 2])


def test_images_are_counted_by_class_and_answer() -> None:
    found = confusion(LABELS, PREDICTED, 4)
    assert found.matrix.tolist() == [[2, 1, 0, 1], [1, 2, 0, 0], [0, 3, 1, 0], [0, 0, 0, 0]]
    assert found.num_images.tolist() == [4, 3, 4, 0]
    assert found.num_correct.tolist() == [2, 2, 1, 0]
    np.testing.assert_allclose(found.recall, [0.5, 2 / 3, 0.25, np.nan])


def test_the_pairs_that_are_confused_most_come_first() -> None:
    found = confusion(LABELS, PREDICTED, 4)
    assert found.most_confused(2) == [(2, 1, 3), (0, 1, 1)]
    assert len(found.most_confused(10)) == 4
    assert confusion(LABELS, LABELS, 4).most_confused(10) == []


@pytest.mark.parametrize("num_classes", [5, 300, 20_000])
def test_the_matrix_adds_up_to_the_accuracy(num_classes: int) -> None:
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, num_classes, (2, 1_000))
    predicted[::2] = labels[::2]
    found = confusion(labels, predicted, num_classes)
    assert int(found.counts.sum()) == 1_000
    assert int(found.num_correct.sum()) == int((labels == predicted).sum())
    assert len(found.counts) <= 1_000
