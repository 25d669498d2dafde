"""The data set a search uses: images at any resolution, labels, folds and what is to be said about it."""

import hashlib
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import PARTS, Contents, Fold, Part, SplitName
from nas.data.decode import RESIZE_RULE
from nas.data.report import DatasetReport, Findings, make_report
from nas.data.resized import ResizedImages
from nas.data.source import ImageSource
from search_spaces.base import IntArray
from search_spaces.errors import DataError, UsageError

__all__ = ["Dataset", "Fold", "Part", "SplitName"]


@final
class Dataset:
    """Images, labels and splits of one data set. Immutable; what it returns is shared and read-only.

    Attributes:
        name: As in the specification.
        class_names: The name of label 0, 1, ...
        num_channels: 1 or 3.
        folds: (select, confirm) of the validation images: one, or two swapped halves below 1,000 images.
        digest: SHA-256 over pixels, labels, class names, splits and the resize rule.
        report: Counts, imbalance, what was skipped, what the user should know.
    """

    def __init__(
        self,
        contents: Contents,
        source: ImageSource,
        findings: Findings | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        """Check the contents and describe them; decodes nothing.

        Args:
            contents: Everything but pixels.
            source: Where the pixels come from, in the order of the labels.
            findings: What the loader noticed.
            cache_dir: Where resized parts that are large, or take long to make, are kept for the next
                process; None: in memory and in unnamed temporary files.

        Raises:
            DataError: `too_few_images`, `empty_class` where training lacks a class or there are fewer than
                two.
        """
        _check(contents)
        self.name = contents.name
        self.class_names = contents.class_names
        self.num_channels = contents.num_channels
        self.folds = contents.folds
        self._labels = {part: _frozen(contents.labels[part]) for part in PARTS}
        self.digest = _digest(contents, source.fingerprint())
        self.report: DatasetReport = make_report(contents, self.digest, findings or Findings())
        counts = {part: len(self._labels[part]) for part in PARTS}
        self._resized = ResizedImages(source, counts, contents.num_channels, self.digest, cache_dir)

    def images(self, part: Part, resolution: int) -> NDArray[np.uint8]:
        """Return the images of a part under the one resize rule (`nas.data.decode`), cached.

        Args:
            part: Which images.
            resolution: Side in pixels.

        Returns:
            Shape (n, num_channels, resolution, resolution), read-only; a memory map where it is large.

        Raises:
            DataError: `data_changed` where a file is not what it was when the data set was opened.
            ResourceError: `disk_full`.
        """
        return self._resized.get(part, resolution)

    def left(self, resolutions: Collection[int]) -> int:
        """Return how many images `prepare` would decode.

        None where images come from memory, whose resizing takes no time worth a word.
        """
        return sum(len(self._labels[part]) for part in PARTS if self._resized.left(part, resolutions))

    def kept_bytes(self, resolutions: Collection[int]) -> int:
        """Return the bytes that `prepare` takes of the disk, what is there already included."""
        return sum(self._resized.kept_bytes(part, resolutions) for part in PARTS)

    def prepare(self, resolutions: Collection[int]) -> Iterator[tuple[int, int]]:
        """Make several resolutions in one pass, so that every file is decoded once and not once for each.

        With a folder to keep them in, they are there for every process then, and whoever goes on after one
        that was killed decodes what is missing only.

        Args:
            resolutions: Sides in pixels.

        Yields:
            How many of how many images are decoded; nothing where there is nothing to do.

        Raises:
            DataError: `data_changed` where a file is not what it was when the data set was opened.
            ResourceError: `disk_full`.
        """
        total, before = self.left(resolutions), 0
        if total:
            yield before, total
        for part in PARTS:
            if self._resized.left(part, resolutions):
                for done in self._resized.making(part, resolutions):
                    yield before + done, total
                before += len(self._labels[part])

    def sample(self, resolutions: Collection[int], count: int) -> dict[int, NDArray[np.uint8]]:
        """Return training images at several resolutions to try something on, making few of them.

        Args:
            resolutions: Sides in pixels.
            count: Of images that are made, where that was not done before.

        Returns:
            For each resolution at least one image, in no order to rely on.

        Raises:
            DataError: `data_changed`.
        """
        return self._resized.sample("train", resolutions, count)

    def labels(self, part: Part) -> IntArray:
        """Return the class of every image of a part; shape (n,), read-only."""
        return self._labels[part]

    def split(self, name: SplitName, fold: int = 0) -> tuple[Part, IntArray]:
        """Say where the images of a split are.

        Args:
            name: Which split.
            fold: Which of `folds`, for select and confirm.

        Returns:
            The part, and the indices of the split's images in it.

        Raises:
            UsageError: `unknown_fold`.
        """
        if name in ("train", "test"):
            part: Part = "train" if name == "train" else "test"
            return part, np.arange(len(self._labels[part]), dtype=np.int64)
        if not 0 <= fold < len(self.folds):
            raise UsageError("unknown_fold", f"no fold {fold}: data set '{self.name}' has {len(self.folds)}")
        return "validation", self.folds[fold].select if name == "select" else self.folds[fold].confirm


def _check(contents: Contents) -> None:
    num_train, num_classes = len(contents.labels["train"]), len(contents.class_names)
    if num_classes < 2:
        raise DataError(
            "too_few_classes", f"'{contents.name}' has {num_classes} class: classification needs at least 2"
        )
    if num_train < num_classes:
        raise DataError(
            "too_few_images",
            f"'{contents.name}' has {num_train} training images for {num_classes} classes: add images",
        )
    in_train = np.bincount(contents.labels["train"], minlength=num_classes) > 0
    for part in PARTS:
        labels = contents.labels[part]
        if len(labels) == 0:
            raise DataError("too_few_images", f"'{contents.name}' has no {part} images: add some")
        for label in np.unique(labels[~in_train[labels]]):
            raise DataError(
                "class_not_in_train",
                f"class '{contents.class_names[label]}' has {part} images but no training images: add some",
            )
    for label in np.flatnonzero(~in_train):
        name = contents.class_names[label]
        raise DataError("empty_class", f"class '{name}' has no images: add images or remove the class")


def _digest(contents: Contents, fingerprint: str) -> str:
    header = {
        "classes": contents.class_names,
        "num_channels": contents.num_channels,
        "resize_rule": RESIZE_RULE,
        "pixels": fingerprint,
        "counts": [len(contents.labels[part]) for part in PARTS],
        "folds": [[len(fold.select), len(fold.confirm)] for fold in contents.folds],
    }
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for part in PARTS:
        digest.update(contents.labels[part].astype("<i8").tobytes())
    for fold in contents.folds:
        digest.update(fold.select.astype("<i8").tobytes())
        digest.update(fold.confirm.astype("<i8").tobytes())
    return digest.hexdigest()


def _frozen(values: IntArray) -> IntArray:
    result = values.astype(np.int64)
    result.setflags(write=False)
    return result
