"""All data sets by name: one visible table, no registration."""

import importlib
from collections.abc import Callable
from pathlib import Path

from nas.data.arrays import open_arrays
from nas.data.cifar import open_cifar
from nas.data.dataset import Dataset
from nas.data.image_folder import open_image_folder
from nas.data.kept_scans import Told, untold
from nas.data.shapes import open_shapes
from nas.data.spec import (
    ArraysSpec,
    CifarSpec,
    DatasetSpec,
    DigitsSpec,
    ImageFolderSpec,
    ShapesSpec,
    UploadedSpec,
)
from nas.data.uploaded import open_uploaded
from search_spaces.errors import UsageError

Stored = Callable[[str, str], Path]
"""Gives the place on this machine of a file of the artifact store, by digest and suffix."""


def open_dataset(
    spec: DatasetSpec,
    cache_dir: Path | None = None,
    stored: Stored | None = None,
    told: Told = untold,
) -> Dataset:
    """Open the data set that a specification names.

    Args:
        spec: One of the union.
        cache_dir: Where what takes long to find out or to make of images is kept for the next process; None:
            in memory and in unnamed temporary files.
        stored: The artifact store, for what was uploaded.
        told: How many of how many image files are decoded, where they are looked at for the first time.

    Returns:
        The data set, checked; images are resized when they are asked for.

    Raises:
        UsageError: `dataset_not_found` where a path does not exist, or where uploaded images are opened
            without the store.
        DataError: Where the data are broken, too few or inconsistent.
    """
    match spec:
        case DigitsSpec():
            # Loads scikit-learn, which takes a second that no other data set should cost.
            digits: Dataset = importlib.import_module("nas.data.digits").open_digits(spec, cache_dir)
            return digits
        case ShapesSpec():
            return open_shapes(spec, cache_dir)
        case ImageFolderSpec():
            return open_image_folder(spec, cache_dir, told)
        case CifarSpec():
            return open_cifar(spec, cache_dir)
        case ArraysSpec():
            return open_arrays(spec, cache_dir)
        case UploadedSpec():
            if stored is None:
                raise UsageError(
                    "dataset_not_found", "uploaded images are opened with the artifact store only"
                )
            return open_uploaded(spec, stored(spec.file, ".zip"), cache_dir, told)
