import numpy as np
import pytest
from numpy.typing import NDArray

from nas.data import near_duplicates
from nas.data.near_duplicates import (
    MAX_BITS,
    MAX_LIKELY,
    MAX_NAMED,
    difference_hashes,
    find_near_duplicates,
    thumbnail,
)

SPLITS = ("train", "select", "confirm", "test")


def thumbnails(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 72), dtype=np.uint8)


def names(count: int) -> list[str]:
    return [f"image{number}" for number in range(count)]


def slowly(thumbs: NDArray[np.uint8], splits: list[int]) -> set[tuple[str, str]]:
    """The definition, pair by pair in plain Python."""
    found = set()
    for i in range(len(thumbs)):
        for j in range(i + 1, len(thumbs)):
            bits = 0
            for row in range(8):
                for column in range(8):
                    cell = 9 * row + column
                    bits += (thumbs[i][cell + 1] > thumbs[i][cell]) != (thumbs[j][cell + 1] > thumbs[j][cell])
            difference = sum(abs(int(a) - int(b)) for a, b in zip(thumbs[i], thumbs[j], strict=True)) / 72
            spread = min(float(thumbs[i].std()), float(thumbs[j].std()))
            if splits[i] != splits[j] and bits <= MAX_BITS and difference <= 2.0 + 0.05 * spread:
                found.add((f"image{i}", f"image{j}"))
    return found


def test_a_hash_has_one_bit_for_each_brighter_right_neighbour() -> None:
    rising = np.tile(np.arange(9, dtype=np.uint8), 8)
    falling = rising[::-1].copy()
    one = np.zeros(72, dtype=np.uint8)
    one[71] = 1  # the last pixel of the last row: the lowest bit
    first = np.zeros(72, dtype=np.uint8)
    first[1:9] = 5  # in the first row only the second pixel is brighter than the one before: the highest bit
    hashes = difference_hashes(np.stack([rising, falling, one, first]))
    assert hashes.tolist() == [2**64 - 1, 0, 1, 2**63]


def test_the_bands_find_what_comparing_every_pair_finds() -> None:
    rng = np.random.default_rng(5)
    base = thumbnails(40)
    copies = np.clip(base[:20].astype(int) + rng.integers(-4, 5, (20, 72)), 0, 255).astype(np.uint8)
    thumbs = np.concatenate([base, copies])
    splits = rng.integers(0, 4, len(thumbs))
    found = find_near_duplicates(thumbs, splits, names(len(thumbs)), SPLITS)
    expected = slowly(thumbs, splits.tolist())
    assert len(expected) > 5
    assert {(pair.first, pair.second) for pair in found.pairs} == expected
    assert found.num_images == len({name for pair in expected for name in pair})
    assert found.complete


def test_look_alikes_in_one_split_are_nobodys_business() -> None:
    thumbs = np.repeat(thumbnails(1), 4, axis=0)
    assert find_near_duplicates(thumbs, np.zeros(4, dtype=np.int64), names(4), SPLITS).num_pairs == 0


def test_a_pair_names_its_splits() -> None:
    thumbs = np.repeat(thumbnails(1), 2, axis=0)
    (pair,) = find_near_duplicates(thumbs, np.array([3, 0]), names(2), SPLITS).pairs
    assert (pair.first_split, pair.second_split) == ("test", "train")


def test_flat_images_of_different_grey_are_not_alike() -> None:
    thumbs = np.stack([np.full(72, value, dtype=np.uint8) for value in (20, 21, 200)])
    found = find_near_duplicates(thumbs, np.array([0, 1, 2]), names(3), SPLITS)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("image0", "image1")]


def test_too_many_comparisons_are_cut_short_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_COMPARISONS_PER_BAND", 1_000)
    thumbs = np.zeros((300, 72), dtype=np.uint8)
    found = find_near_duplicates(thumbs, np.arange(300) % 2, names(300), SPLITS)
    assert not found.complete
    assert found.as_dict(3)["complete"] is False
    assert len(found.as_dict(3)["pairs"]) == 3


def test_where_all_images_look_alike_some_pairs_are_found_and_few_are_kept() -> None:
    thumbs = np.repeat(thumbnails(1), 3_000, axis=0)
    found = find_near_duplicates(thumbs, np.arange(3_000) % 4, names(3_000), SPLITS)
    assert found.num_pairs == MAX_LIKELY
    assert len(found.pairs) == MAX_NAMED
    assert not found.complete


def test_look_alikes_in_one_split_use_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MAX_COMPARISONS_PER_BAND", 300)
    monkeypatch.setattr(near_duplicates, "MAX_LIKELY", 300)
    thumbs = np.repeat(thumbnails(1), 300, axis=0)
    splits = np.zeros(300, dtype=np.int64)
    splits[7] = 3
    found = find_near_duplicates(thumbs, splits, names(300), SPLITS)
    assert (found.num_pairs, found.num_images, found.complete) == (299, 300, True)


def test_many_images_are_not_compared_pair_by_pair() -> None:
    thumbs = thumbnails(30_000)
    thumbs[20_000] = thumbs[0]
    found = find_near_duplicates(thumbs, np.arange(30_000) // 20_000, names(30_000), SPLITS)
    assert [(pair.first, pair.second) for pair in found.pairs] == [("image0", "image20000")]


def test_a_thumbnail_is_the_same_for_grey_and_colour_of_that_grey() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (40, 30, 1), dtype=np.uint8)
    assert thumbnail(grey).tolist() == thumbnail(np.repeat(grey, 3, axis=2)).tolist()
    assert thumbnail(grey).shape == (72,)
