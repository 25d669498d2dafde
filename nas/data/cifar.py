"""CIFAR-10 and CIFAR-100 from their published archives ("python version").

A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009. Each batch is a pickled
dictionary whose `data` has one row an image: 1,024 red values row by row, then green, then blue.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.data.array_source import dataset_from_arrays
from nas.data.cifar_archive import read_members
from nas.data.contents import PART_CODE
from nas.data.dataset import Dataset
from nas.data.plain_pickle import read_plain_pickle
from nas.data.report import Notice
from nas.data.spec import CifarSpec
from nas.data.splits import Shares
from search_spaces.base import IntArray
from search_spaces.errors import DataError


@dataclass(frozen=True)
class _Layout:
    """Names in one of the two archives, and the number of images it is published with."""

    train: tuple[str, ...]
    test: str
    meta: str
    labels: bytes
    class_names: bytes
    num_classes: int
    num_train: int = 50_000
    num_test: int = 10_000


_LAYOUTS: Final = {
    "cifar10": _Layout(
        train=tuple(f"data_batch_{number}" for number in range(1, 6)),
        test="test_batch",
        meta="batches.meta",
        labels=b"labels",
        class_names=b"label_names",
        num_classes=10,
    ),
    "cifar100": _Layout(
        train=("train",),
        test="test",
        meta="meta",
        labels=b"fine_labels",
        class_names=b"fine_label_names",
        num_classes=100,
    ),
}


def open_cifar(spec: CifarSpec, cache_dir: Path | None = None) -> Dataset:
    """Open one of the two; the published test images are test, validation is made from training.

    Raises:
        UsageError: `dataset_not_found`.
        DataError: `truncated_archive`, `not_an_archive`, `oversized_archive`, `missing_file`,
            `unsafe_pickle`, `bad_shape`, `bad_values`, and what `Dataset` raises.
    """
    layout = _LAYOUTS[spec.name]
    files = read_members(spec.path.expanduser(), (layout.meta, *layout.train, layout.test))
    class_names = _class_names(read_plain_pickle(files.pop(layout.meta), layout.meta), layout)
    batches = {name: _batch(files.pop(name), name, layout) for name in (*layout.train, layout.test)}
    num_test = len(batches[layout.test][1])
    num_train = sum(len(labels) for _, labels in batches.values()) - num_test
    given = np.repeat([PART_CODE["train"], PART_CODE["test"]], [num_train, num_test]).astype(np.int64)
    return dataset_from_arrays(
        name=spec.name,
        class_names=class_names,
        images=np.concatenate([images for images, _ in batches.values()]),
        labels=np.concatenate([labels for _, labels in batches.values()]),
        given=given,
        shares=Shares(validation=spec.val_share, test=0.0),
        seed=spec.seed,
        notices=_count_notices(layout, num_train, num_test),
        cache_dir=cache_dir,
    )


def _batch(content: bytes, name: str, layout: _Layout) -> tuple[NDArray[np.uint8], IntArray]:
    """Read one batch; images of shape (n, 32, 32, 3), labels of shape (n,)."""
    batch = read_plain_pickle(content, name)
    data, labels = _value(batch, b"data", name), _value(batch, layout.labels, name)
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3 * 32 * 32:
        raise DataError("bad_shape", f"'{name}': data is not (n, 3072): this is not the published archive")
    if type(labels) is not list or len(labels) != len(data):
        raise DataError(
            "bad_shape", f"'{name}': {len(data)} images without as many labels: download it again"
        )
    if not all(type(label) is int and 0 <= label < layout.num_classes for label in labels):
        raise DataError(
            "bad_values", f"'{name}': labels are not 0..{layout.num_classes - 1}: download it again"
        )
    images = np.ascontiguousarray(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return images, np.array(labels, dtype=np.int64)


def _class_names(meta: dict[Any, Any], layout: _Layout) -> tuple[str, ...]:
    names = _value(meta, layout.class_names, layout.meta)
    if type(names) is not list or len(names) != layout.num_classes:
        raise DataError(
            "bad_shape", f"'{layout.meta}' does not name {layout.num_classes} classes: load it again"
        )
    if not all(type(name) in (bytes, str) for name in names):
        raise DataError(
            "bad_values", f"'{layout.meta}' has class names that are no strings: download it again"
        )
    return tuple(
        name if isinstance(name, str) else name.decode("ascii", "backslashreplace") for name in names
    )


def _value(values: dict[Any, Any], key: bytes, name: str) -> Any:
    """Look a key up as Python 2 (bytes) or Python 3 (text) wrote it."""
    for candidate in (key, key.decode("ascii")):
        if candidate in values:
            return values[candidate]
    raise DataError("missing_array", f"'{name}' has no {key!r}: this is not the published archive")


def _count_notices(layout: _Layout, num_train: int, num_test: int) -> tuple[Notice, ...]:
    if (num_train, num_test) == (layout.num_train, layout.num_test):
        return ()
    return (
        Notice(
            "unexpected_count",
            f"{num_train} training and {num_test} test images, published are {layout.num_train} and "
            f"{layout.num_test}: accuracies do not compare with the literature",
        ),
    )
