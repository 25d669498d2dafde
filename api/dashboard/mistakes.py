"""What a network takes for what: the confusion matrix of the file that is delivered, class by class."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from api.dashboard.figures.confusion import confusion_svg
from api.dashboard.results import TargetFront
from nas.confusion import Confusion, confusion
from nas.pipeline.answers import find_answers
from nas.publication import wilson
from nas.report.numbers import interval, percent
from nas.results import VerifiedNetwork
from nas.store.stores import Stores

MOST_IN_TABLE: Final = 20
"""Classes of a matrix that is written out; one of more is drawn."""

MOST_ROWS: Final = 20
"""Of each list."""

_SHADES: Final = 5


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix.

    Attributes:
        tone: `right` on the diagonal, `wrong` elsewhere; empty where no image is.
        shade: How much of its class that is, from 1 to 5; 0 where none is.
    """

    count: int
    tone: str
    shade: int


@dataclass(frozen=True)
class ClassRow:
    """A class.

    Attributes:
        recall: Share that is recognised, in percent; empty where it has no image.
        interval: Its 95 % interval (Wilson).
        cells: Of the matrix, a class each; empty where it is not written out.
    """

    name: str
    num_images: int
    recall: str
    interval: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Pair:
    """A class that is taken for another.

    Attributes:
        share: Of the class's images, in percent.
    """

    name: str
    taken_for: str
    count: int
    num_images: int
    share: str


@dataclass(frozen=True)
class Mistakes:
    """What a network takes for what.

    Attributes:
        names: Of the classes.
        part: Which images.
        rows: All classes in their order where the matrix is written out, else those recognised least.
        pairs: That are confused most.
        drawing: Of the matrix, where it is not written out.
    """

    names: tuple[str, ...]
    num_images: int
    part: str
    rows: tuple[ClassRow, ...]
    pairs: tuple[Pair, ...]
    drawing: Markup | None


def mistakes(stores: Stores, front: TargetFront, network: VerifiedNetwork) -> Mistakes | None:
    """Return what the published file of a network takes for what; None where its answers were not kept.

    Raises:
        ArtifactError: `damaged_file`, `artifact_missing` or `artifact_damaged`.
    """
    answers = find_answers(stores.stored(front.job), front.number - 1, network)
    if answers is None:
        return None
    highest = int(max(answers.labels.max(initial=0), answers.predicted.max(initial=0)))
    names = front.result.class_names if front.result else tuple(str(one) for one in range(highest + 1))
    found = confusion(answers.labels, answers.predicted, len(names))
    written = len(names) <= MOST_IN_TABLE
    return Mistakes(
        names=names,
        num_images=len(answers.labels),
        part=network.accuracy.part,
        rows=_written(found, names) if written else _worst(found, names),
        pairs=_pairs(found, names),
        drawing=None if written else confusion_svg(found, names),
    )


def _written(found: Confusion, names: tuple[str, ...]) -> tuple[ClassRow, ...]:
    matrix = found.matrix
    return tuple(
        _row(found, names, label, tuple(_cell(matrix[label].tolist(), label)))
        for label in range(found.num_classes)
    )


def _cell(counts: list[int], label: int) -> list[Cell]:
    whole = sum(counts)
    return [
        Cell(
            count,
            ("right" if place == label else "wrong") if count else "",
            math.ceil(_SHADES * count / whole) if count else 0,
        )
        for place, count in enumerate(counts)
    ]


def _worst(found: Confusion, names: tuple[str, ...]) -> tuple[ClassRow, ...]:
    recall = found.recall
    # NaN, of classes without images, comes last.
    return tuple(
        _row(found, names, int(label), ())
        for label in np.argsort(recall, kind="stable")[:MOST_ROWS]
        if not math.isnan(recall[label])
    )


def _row(found: Confusion, names: tuple[str, ...], label: int, cells: tuple[Cell, ...]) -> ClassRow:
    right, whole = int(found.num_correct[label]), int(found.num_images[label])
    if not whole:
        return ClassRow(names[label], 0, "", "", cells)
    low, high = wilson(right, whole)
    ends = interval(100.0 * right / whole, 100.0 * low, 100.0 * high)
    return ClassRow(names[label], whole, percent(right / whole, low, high), ends, cells)


def _pairs(found: Confusion, names: tuple[str, ...]) -> tuple[Pair, ...]:
    totals = found.num_images
    return tuple(
        Pair(names[label], names[taken_for], count, int(totals[label]), percent(count / totals[label]))
        for label, taken_for, count in found.most_confused(MOST_ROWS // 2)
    )
