import numpy as np

from nas.data.catalogue import open_dataset
from nas.data.spec import DigitsSpec


def test_digits_are_split_and_cross_fitted() -> None:
    dataset = open_dataset(DigitsSpec())
    counts = {part: len(dataset.labels(part)) for part in ("train", "validation", "test")}
    assert counts == {"train": 899, "validation": 539, "test": 359}
    assert len(dataset.folds) == 2
    assert dataset.num_channels == 1
    assert dataset.class_names == tuple("0123456789")


def test_grey_values_0_to_16_become_0_to_255() -> None:
    values = np.unique(open_dataset(DigitsSpec()).images("train", 8))
    # round(255 v / 16) by hand, halves up: 15.94 -> 16, 31.88 -> 32, ..., 127.5 -> 128, ..., 255.
    expected = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    assert values.tolist() == expected


def test_the_digest_is_the_same_everywhere() -> None:
    digest = "115437ee899a253f7944b2f91e6e677e03d946626d4e2ff0a89b28d926dfae96"
    assert open_dataset(DigitsSpec()).digest == digest
