import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.contents import UNASSIGNED
from nas.data.splits import CROSS_FIT_BELOW, Shares, assign_parts, make_folds, shuffled
from search_spaces.base import IntArray
from search_spaces.errors import DataError

SHARES = Shares(validation=0.2, test=0.1)


def free(n: int) -> IntArray:
    return np.full(n, UNASSIGNED, dtype=np.int64)


def labels_of(*counts: int) -> IntArray:
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def counts_of(labels: IntArray, parts: IntArray, code: int) -> list[int]:
    counts: list[int] = np.bincount(labels[parts == code], minlength=int(labels.max()) + 1).tolist()
    return counts


def test_the_order_depends_on_the_seed_alone() -> None:
    # PCG64's first words for seed 0, as the numpy documentation's stream guarantee fixes them.
    words = [11749869230777074271, 4976686463289251617, 755828109848996024, 304881062738325533]
    assert np.random.PCG64(0).random_raw(4).tolist() == words
    assert shuffled(4, 0).tolist() == [3, 2, 1, 0]
    assert sorted(shuffled(100, 1).tolist()) == list(range(100))
    assert shuffled(100, 1).tolist() != shuffled(100, 2).tolist()


def test_every_class_is_shared_out_alike() -> None:
    labels = labels_of(100, 50, 20)
    parts = assign_parts(labels, free(170), SHARES, seed=3)
    assert counts_of(labels, parts, 1) == [20, 10, 4]
    assert counts_of(labels, parts, 2) == [10, 5, 2]
    assert counts_of(labels, parts, 0) == [70, 35, 14]


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    labels = labels_of(7, 7, 7)
    parts = assign_parts(labels, free(21), SHARES, seed=0)
    # 20 % of 21 is 4 (1.4 of each class: one of each and one more), 10 % is 2 (0.7 of each).
    assert sum(counts_of(labels, parts, 1)) == 4
    assert sum(counts_of(labels, parts, 2)) == 2
    assert max(counts_of(labels, parts, 2)) == 1


def test_a_class_of_one_image_is_trained_on() -> None:
    labels = labels_of(1, 40, 1)
    parts = assign_parts(labels, free(42), SHARES, seed=0)
    assert parts[0] == 0
    assert parts[41] == 0


@pytest.mark.parametrize("missing", [1, 2])
def test_a_missing_part_is_made_from_training_and_nothing_else_moves(missing: int) -> None:
    labels = np.arange(100, dtype=np.int64) % 4
    given_parts = np.where(np.arange(100) < 80, 0, 3 - missing).astype(np.int64)
    parts = assign_parts(labels, given_parts, SHARES, seed=0)
    assert (parts[80:] == 3 - missing).all()
    assert (parts[:80] == missing).sum() == (16 if missing == 1 else 8)
    assert set(parts[:80].tolist()) == {0, missing}


def test_given_parts_stay_as_they_are() -> None:
    given_parts = np.arange(30, dtype=np.int64) % 3
    parts = assign_parts(np.zeros(30, dtype=np.int64), given_parts, SHARES, seed=0)
    assert parts.tolist() == given_parts.tolist()


def test_parts_without_training_are_refused() -> None:
    with pytest.raises(DataError, match="none to train on") as caught:
        assign_parts(np.zeros(4, dtype=np.int64), np.array([1, 1, 2, 2]), SHARES, seed=0)
    assert caught.value.code == "no_train_split"


def test_too_few_images_for_three_parts_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        assign_parts(np.zeros(2, dtype=np.int64), free(2), SHARES, seed=0)
    assert caught.value.code == "too_few_images"


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=40, max_size=120),
    num_classes=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_groups_stay_together_and_shares_are_near(sizes: list[int], num_classes: int, seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    labels = (groups % num_classes).astype(np.int64)
    parts = assign_parts(labels, free(len(groups)), SHARES, seed, groups)
    for group in range(len(sizes)):
        assert len(set(parts[groups == group].tolist())) == 1
    # A greedy deal misses each class's share by at most about the largest group of it, on either side.
    for code, share in ((1, 0.2), (2, 0.1)):
        assert abs((parts == code).sum() - share * len(parts)) <= 9 * num_classes


def test_one_group_for_everything_is_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match="finer group_by") as caught:
        assign_parts(np.arange(10) % 2, free(10), SHARES, 0, np.zeros(10, dtype=np.int64))
    assert caught.value.code == "too_few_groups"


def test_a_large_validation_part_has_one_fold_with_separate_images() -> None:
    labels = np.arange(CROSS_FIT_BELOW, dtype=np.int64) % 10
    (fold,) = make_folds(labels, seed=0)
    assert sorted([*fold.select.tolist(), *fold.confirm.tolist()]) == list(range(CROSS_FIT_BELOW))
    assert np.bincount(labels[fold.select]).tolist() == [50] * 10


def test_a_small_validation_part_is_cross_fitted() -> None:
    labels = np.arange(CROSS_FIT_BELOW - 1, dtype=np.int64) % 10
    first, second = make_folds(labels, seed=0)
    assert first.select.tolist() == second.confirm.tolist()
    assert first.confirm.tolist() == second.select.tolist()
    assert not set(first.select.tolist()) & set(first.confirm.tolist())
    assert abs(len(first.select) - len(first.confirm)) <= 1


def test_folds_keep_groups_together() -> None:
    groups = np.repeat(np.arange(30), 5)
    first, _ = make_folds(np.zeros(150, dtype=np.int64), 0, groups)
    assert not set(groups[first.select].tolist()) & set(groups[first.confirm].tolist())
    assert 60 <= len(first.select) <= 90


def test_one_validation_image_cannot_be_halved() -> None:
    with pytest.raises(DataError) as caught:
        make_folds(np.zeros(1, dtype=np.int64), 0)
    assert caught.value.code == "too_few_images"
