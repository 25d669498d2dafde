import numpy as np

from nas.strategies.unseen import Unseen


def test_each_architecture_is_taken_once() -> None:
    unseen = Unseen()
    assert unseen.take(np.array([[0, 1], [2, 3], [0, 1]]), at_most=5).tolist() == [[0, 1], [2, 3]]
    assert unseen.take(np.array([[2, 3], [4, 5]]), at_most=5).tolist() == [[4, 5]]


def test_what_is_left_over_may_come_again() -> None:
    unseen = Unseen()
    assert unseen.take(np.array([[0], [1], [2]]), at_most=1).tolist() == [[0]]
    assert unseen.take(np.array([[1], [2]]), at_most=2).tolist() == [[1], [2]]


def test_nothing_new_gives_no_rows_of_the_same_width() -> None:
    unseen = Unseen()
    unseen.take(np.array([[7, 7, 7]]), at_most=1)
    assert unseen.take(np.array([[7, 7, 7]]), at_most=1).shape == (0, 3)
