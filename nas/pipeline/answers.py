"""What exported files answered on the validation images, image by image: kept with them, and found again.

Files that were exported together share one archive of arrays, under the name of what has exported them.
Whoever reads needs neither torch nor the images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Fold
from nas.data.dataset import Dataset
from nas.results import Document, VerifiedNetwork
from nas.specs import Precision
from nas.store.job_run import StoredJob
from search_spaces.base import IntArray

_PRECISIONS: Final = get_args(Precision)


class ExportedFile(Document):
    """An exported network as it is kept; its answers stand in arrays of the same name."""

    digest: str
    file_sha256: str
    file_bytes: int
    max_difference: float


class ExportedFiles(Document):
    """What was exported together, in order."""

    files: tuple[ExportedFile, ...]


@dataclass(frozen=True)
class Answers:
    """What a file answered on the images that its accuracy is published of.

    Attributes:
        labels: The classes of the images, (n,).
        predicted: What the file takes them for, (n,).
    """

    labels: IntArray
    predicted: IntArray


def confirm_of(folds: Sequence[Fold]) -> IntArray:
    """Return the positions of the validation images that accuracies are published of: all `confirm`."""
    return np.unique(np.concatenate([fold.confirm for fold in folds]))


def part_of(folds: Sequence[Fold]) -> str:
    """Return what these images are called: with swapped halves they have steered the search too."""
    return "confirm" if len(folds) == 1 else "validation"


def round_name(target: int, round_: int) -> str:
    """Return the name of what a round of verification has exported; targets count from 0, rounds from 1."""
    return f"verify.{target}.{round_}.exported"


def tuned_name(number: int, precision: Precision) -> str:
    """Return the name of what was exported of a network that was trained on; they count from 0."""
    return f"finetune.{number}.exported" + ("" if precision == "fp32" else f".{precision}")


def stock_name(name: str) -> str:
    """Return the name of what was exported of a stock network, by what results call it."""
    return f"references.{name}.exported"


def answer_arrays(predicted: NDArray[np.uint16], dataset: Dataset) -> dict[str, NDArray[Any]]:
    """Return what is kept beside exported files.

    Args:
        predicted: Classes that they give the validation images, (files, images).
        dataset: With these.
    """
    labels = dataset.labels("validation").astype(np.uint16)
    return {"predicted": predicted, "labels": labels, "confirm": confirm_of(dataset.folds)}


def find_answers(search: StoredJob, target: int, network: VerifiedNetwork) -> Answers | None:
    """Return what the published file of a network answered; None where that was not kept.

    Earlier versions kept only whether an answer was right.

    Args:
        search: That has exported it.
        target: Index of the target.
        network: Of that target, or a stock network.

    Raises:
        ArtifactError: `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    for name in (one for one in _names(search, target, network) if search.has(one)):
        files = [one.file_sha256 for one in search.load(name, ExportedFiles).files]
        if network.file_sha256 in files:
            return _answers(search, name, files.index(network.file_sha256), network.accuracy.part)
    return None


def _names(search: StoredJob, target: int, network: VerifiedNetwork) -> Iterator[str]:
    """Yield the names of what may have exported a network."""
    if network.origin == "reference":
        yield stock_name(network.name)
        return
    for precision in _PRECISIONS if network.finetune_epochs else ():
        number = 0
        while search.has(name := tuned_name(number, precision)):
            yield name
            number += 1
    yield round_name(target, network.round)


def _answers(search: StoredJob, name: str, row: int, part: str) -> Answers | None:
    arrays = search.load_arrays(name)
    if "predicted" not in arrays:
        return None
    labels, predicted = arrays["labels"].astype(np.int64), arrays["predicted"][row].astype(np.int64)
    images = arrays["confirm"] if part == "confirm" else np.arange(len(labels))
    return Answers(labels[images], predicted[images])
