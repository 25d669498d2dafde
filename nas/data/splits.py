"""Which image goes to training, validation and test, and which validation images steer or confirm.

Everything here is seeded and stratified by class, keeps groups together, and depends on nothing but its
arguments: random order comes from the raw words of PCG64, whose stream numpy guarantees, not from its
distributions.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from nas.data.contents import PART_CODE, UNASSIGNED, Fold, Part
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import DataError

CROSS_FIT_BELOW: Final = 1_000
"""With fewer validation images than this, every image serves as select once and as confirm once."""


@dataclass(frozen=True)
class Shares:
    """Shares of the images that may be split; the rest is for training."""

    validation: float
    test: float


def shuffled(n: int, seed: int) -> IntArray:
    """Return 0..n-1 in an order that depends on `seed` alone, on any machine; shape (n,)."""
    words = np.random.PCG64(seed).random_raw(n)
    return np.argsort(words, kind="stable").astype(np.int64)


def assign_parts(
    labels: IntArray, given: IntArray, shares: Shares, seed: int, groups: IntArray | None = None
) -> IntArray:
    """Give every image to a part; parts that have images keep them, missing ones are made from training.

    Args:
        labels: Class of every image; shape (n,).
        given: Part code of every image, or `UNASSIGNED`; shape (n,).
        shares: What validation and test should get of the images that may be split.
        seed: Of the order in which images are dealt out.
        groups: Images with equal numbers stay together; shape (n,). None: every image for itself.

    Returns:
        Part code of every image; shape (n,).

    Raises:
        DataError: `no_train_split` where parts are given but training is not; `too_few_images` or
            `too_few_groups` where a part would stay empty.
    """
    present = set(np.unique(given).tolist())
    train = PART_CODE["train"]
    if present - {UNASSIGNED} and not present & {train, UNASSIGNED}:
        raise DataError(
            "no_train_split", "there are validation or test images but none to train on: add a 'train' part"
        )
    wanted = np.array(
        [0.0] + [0.0 if PART_CODE[part] in present else share for part, share in _shares(shares)],
        dtype=np.float64,
    )
    parts = np.where(given == UNASSIGNED, train, given)
    free = np.flatnonzero(parts == train)
    if wanted.any():
        chosen = None if groups is None else groups[free]
        parts[free] = _deal(labels[free], wanted, seed, chosen, at_least=1)
    _require_every_part(parts, groups)
    return parts


def make_folds(labels: IntArray, seed: int, groups: IntArray | None = None) -> tuple[Fold, ...]:
    """Split validation into `select` and `confirm` halves; shape of both arguments (n,).

    Returns:
        One fold from `CROSS_FIT_BELOW` images on, else two with the halves swapped.

    Raises:
        DataError: `too_few_images` or `too_few_groups` where a half would be empty.
    """
    halves = _deal(labels, np.array([0.0, 0.5]), seed, groups, at_least=0)
    select, confirm = np.flatnonzero(halves == 0), np.flatnonzero(halves == 1)
    if len(select) == 0 or len(confirm) == 0:
        raise _too_few("validation", len(labels), groups)
    if len(labels) >= CROSS_FIT_BELOW:
        return (Fold(select, confirm),)
    return Fold(select, confirm), Fold(confirm, select)


def _shares(shares: Shares) -> tuple[tuple[Part, float], tuple[Part, float]]:
    return ("validation", shares.validation), ("test", shares.test)


def _require_every_part(parts: IntArray, groups: IntArray | None) -> None:
    for part, code in PART_CODE.items():
        if not np.any(parts == code):
            raise _too_few(part, len(parts), groups)


def _too_few(part: str, num_images: int, groups: IntArray | None) -> DataError:
    if groups is None:
        return DataError(
            "too_few_images", f"{num_images} images leave none for {part}: add images or raise its share"
        )
    return DataError(
        "too_few_groups",
        f"{num_images} images in {len(np.unique(groups))} groups leave none for {part}: use a finer group_by",
    )


def _deal(
    labels: IntArray, wanted: FloatArray, seed: int, groups: IntArray | None, *, at_least: int
) -> IntArray:
    """Return for every image which of the shares it falls to; share 0 takes what the others leave.

    Single images leave `at_least` of each class to share 0; groups are dealt as they come.
    """
    num_classes = int(labels.max(initial=-1)) + 1
    if groups is None:
        return _deal_images(labels, num_classes, wanted, seed, at_least)
    return _deal_groups(labels, num_classes, wanted, seed, groups)


def _deal_images(
    labels: IntArray, num_classes: int, wanted: FloatArray, seed: int, at_least: int
) -> IntArray:
    counts = np.bincount(labels, minlength=num_classes)
    order = shuffled(len(labels), seed)
    by_class = order[np.argsort(labels[order], kind="stable")]
    start = np.cumsum(counts) - counts
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.arange(len(labels)) - start[labels[by_class]]
    result = np.zeros(len(labels), dtype=np.int64)
    taken = np.zeros(num_classes, dtype=np.int64)
    for code in range(len(wanted) - 1, 0, -1):
        quota = _quotas(counts, float(wanted[code]), np.maximum(counts - at_least - taken, 0))
        result[(rank >= taken[labels]) & (rank < (taken + quota)[labels])] = code
        taken += quota
    return result


def _quotas(counts: IntArray, share: float, available: IntArray) -> IntArray:
    """Split `share` of all images over the classes by largest remainder, at most `available` of each."""
    exact = counts * share
    quota: IntArray = np.minimum(np.floor(exact).astype(np.int64), available)
    missing = int(np.floor(counts.sum() * share + 0.5)) - int(quota.sum())
    for index in np.argsort(quota - exact, kind="stable"):
        if missing <= 0:
            break
        if quota[index] < available[index]:
            quota[index] += 1
            missing -= 1
    return quota


def _deal_groups(
    labels: IntArray, num_classes: int, wanted: FloatArray, seed: int, groups: IntArray
) -> IntArray:
    """Deal whole groups, largest first, each to the share that lacks most of the classes it holds.

    The greedy rule of scikit-learn's StratifiedGroupKFold, with unequal shares.
    """
    _, group_of_image = np.unique(groups, return_inverse=True)
    num_groups = int(group_of_image.max(initial=-1)) + 1
    holds = np.zeros((num_groups, num_classes), dtype=np.int64)
    np.add.at(holds, (group_of_image, labels), 1)
    shares = wanted.copy()
    shares[0] = 1.0 - wanted.sum()
    lacking = shares[:, None] * holds.sum(axis=0)[None, :]
    order = shuffled(num_groups, seed)
    order = order[np.argsort(-holds[order].sum(axis=1), kind="stable")]
    part_of_group = np.zeros(num_groups, dtype=np.int64)
    for group in order:
        need = (lacking * holds[group]).sum(axis=1)
        need[shares == 0.0] = -np.inf
        part_of_group[group] = np.argmax(need)
        lacking[part_of_group[group]] -= holds[group]
    return part_of_group[group_of_image]
