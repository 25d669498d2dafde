"""What a user should know about a data set before a search spends hours on it."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from nas.data.contents import Contents
from nas.data.near_duplicates import NearDuplicates
from search_spaces.base import IntArray

IMBALANCE_WORTH_A_WORD: Final = 5.0
MAX_EXAMPLES: Final = 20
"""How many files or pairs are listed by name."""


@dataclass(frozen=True)
class Notice:
    """One thing worth knowing: a stable code and a line that tells what to do."""

    code: str
    message: str


@dataclass(frozen=True)
class SkippedFile:
    """A file that should be an image and is not used."""

    path: str
    reason: str


@dataclass(frozen=True)
class Findings:
    """What a loader noticed.

    Attributes:
        skipped: Broken images and links that lead outside.
        ignored: Files that are no images, counted by extension.
        near_duplicates: None where they were not looked for.
        notices: Anything else, in the loader's words.
    """

    skipped: tuple[SkippedFile, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    near_duplicates: NearDuplicates | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class DatasetReport:
    """The state of a data set.

    Attributes:
        name: As in the specification.
        digest: Of the data set.
        class_names: In the order of the counts.
        num_channels: 1 or 3.
        counts: Images of each class, for train, select, confirm and test. Cross-fitted folds (two halves that
            swap roles) are listed as select and confirm of the first fold.
        cross_fitted: Whether validation is so small that its halves swap roles.
        imbalance: Largest over smallest class in training.
        findings: What the loader noticed.
        warnings: Everything worth a word, most of it derived from the above.
    """

    name: str
    digest: str
    class_names: tuple[str, ...]
    num_channels: int
    counts: dict[str, tuple[int, ...]]
    cross_fitted: bool
    imbalance: float
    findings: Findings
    warnings: tuple[Notice, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it; long lists end after `MAX_EXAMPLES` entries, totals do not."""
        skipped, duplicates = self.findings.skipped, self.findings.near_duplicates
        return {
            "name": self.name,
            "digest": self.digest,
            "class_names": list(self.class_names),
            "num_channels": self.num_channels,
            "num_images": {split: sum(counts) for split, counts in self.counts.items()},
            "counts": {split: list(counts) for split, counts in self.counts.items()},
            "cross_fitted": self.cross_fitted,
            "imbalance": round(self.imbalance, 3),
            "num_skipped": len(skipped),
            "skipped": [{"path": file.path, "reason": file.reason} for file in skipped[:MAX_EXAMPLES]],
            "ignored": dict(sorted(self.findings.ignored.items())),
            "near_duplicates": None if duplicates is None else duplicates.as_dict(MAX_EXAMPLES),
            "warnings": [{"code": notice.code, "message": notice.message} for notice in self.warnings],
        }


def make_report(contents: Contents, digest: str, findings: Findings) -> DatasetReport:
    """Count and compare; every class has training images."""
    validation, fold = contents.labels["validation"], contents.folds[0]
    labels_of = {
        "train": contents.labels["train"],
        "select": validation[fold.select],
        "confirm": validation[fold.confirm],
        "test": contents.labels["test"],
    }
    counts = {
        split: np.bincount(labels, minlength=len(contents.class_names)) for split, labels in labels_of.items()
    }
    imbalance = float(counts["train"].max() / counts["train"].min())
    warnings = (
        *findings.notices,
        *_imbalance(contents.class_names, counts["train"], imbalance),
        *(
            notice
            for split in ("select", "confirm", "test")
            for notice in _absent(contents.class_names, split, counts[split])
        ),
        *_skipped(findings),
        *_leaks(findings.near_duplicates),
    )
    return DatasetReport(
        name=contents.name,
        digest=digest,
        class_names=contents.class_names,
        num_channels=contents.num_channels,
        counts={split: tuple(count.tolist()) for split, count in counts.items()},
        cross_fitted=len(contents.folds) > 1,
        imbalance=imbalance,
        findings=findings,
        warnings=warnings,
    )


def _imbalance(class_names: tuple[str, ...], counts: IntArray, imbalance: float) -> tuple[Notice, ...]:
    if imbalance < IMBALANCE_WORTH_A_WORD:
        return ()
    large, small = int(counts.argmax()), int(counts.argmin())
    return (
        Notice(
            "imbalanced",
            f"class '{class_names[large]}' has {counts[large]} training images, "
            f"'{class_names[small]}' {counts[small]}: overall accuracy hides small classes: add images",
        ),
    )


def _absent(class_names: tuple[str, ...], split: str, counts: IntArray) -> tuple[Notice, ...]:
    missing = [class_names[label] for label in np.flatnonzero(counts == 0)]
    if not missing:
        return ()
    names = ", ".join(f"'{name}'" for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
    return (
        Notice(
            "class_not_scored", f"{len(missing)} classes have no {split} images ({names}): add images to them"
        ),
    )


def _skipped(findings: Findings) -> tuple[Notice, ...]:
    if not findings.skipped:
        return ()
    first = findings.skipped[0]
    return (
        Notice(
            "files_skipped",
            f"files that are not used: {len(findings.skipped)}, first '{first.path}': {first.reason}",
        ),
    )


def _leaks(duplicates: NearDuplicates | None) -> tuple[Notice, ...]:
    if duplicates is None or duplicates.num_pairs == 0:
        return ()
    at_least = "" if duplicates.complete else "at least "
    return (
        Notice(
            "near_duplicates",
            f"{at_least}{duplicates.num_images} images look like one in another split: "
            "accuracies will be flattered; set group_by so that images of one scene stay together "
            "(of an uploaded file where it is added), or remove the copies",
        ),
    )
