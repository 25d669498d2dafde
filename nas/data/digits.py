"""The digits that come with scikit-learn: 1,797 real 8 x 8 grey images, no download.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(the test set of it). This is the only file of `nas.data` that loads scikit-learn.
"""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from nas.data.array_source import dataset_from_arrays
from nas.data.contents import UNASSIGNED
from nas.data.dataset import Dataset
from nas.data.spec import DigitsSpec
from nas.data.splits import Shares

SHARES: Final = Shares(validation=0.3, test=0.2)
"""Much for validation: it is cross-fitted in halves, and a front needs accuracies that can be told apart."""

SPLIT_SEED: Final = 0


def open_digits(spec: DigitsSpec, cache_dir: Path | None = None) -> Dataset:
    """Open the digits; grey values 0..16 become `round(255 v / 16)`, halves up."""
    images, labels = _images_and_labels()
    return dataset_from_arrays(
        name=spec.name,
        class_names=tuple(str(digit) for digit in range(10)),
        images=images,
        labels=labels,
        given=np.full(len(labels), UNASSIGNED, dtype=np.int64),
        shares=SHARES,
        seed=SPLIT_SEED,
        cache_dir=cache_dir,
    )


@cache
def _images_and_labels() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the file, text that takes longer to parse than all else here takes: once in a process."""
    bunch = load_digits()
    values = np.asarray(bunch.images, dtype=np.int64)
    images = ((values * 255 + 8) // 16).astype(np.uint8)[..., None]
    labels = np.asarray(bunch.target, dtype=np.int64)
    for array in (images, labels):
        array.setflags(write=False)
    return images, labels
