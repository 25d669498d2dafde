import json

import numpy as np
import pytest

from nas.data.contents import Contents, Fold
from nas.data.near_duplicates import NearDuplicates, Pair
from nas.data.report import MAX_EXAMPLES, Findings, Notice, SkippedFile, make_report
from search_spaces.base import IntArray


def labels_of(*counts: int) -> IntArray:
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def contents(train: IntArray, validation: IntArray, test: IntArray, *, folds: int = 1) -> Contents:
    half = len(validation) // 2
    order = np.argsort(np.arange(len(validation)) % 2, kind="stable")
    first, second = np.sort(order[:half]), np.sort(order[half:])
    return Contents(
        name="image_folder",
        class_names=("cat", "dog", "owl"),
        num_channels=3,
        labels={"train": train, "validation": validation, "test": test},
        folds=(Fold(first, second), Fold(second, first))[:folds],
    )


def test_images_are_counted_for_each_split_and_class() -> None:
    report = make_report(
        contents(labels_of(9, 8, 6), labels_of(4, 2, 2), labels_of(3, 2, 1)), "d" * 64, Findings()
    )
    assert report.counts == {"train": (9, 8, 6), "select": (2, 1, 1), "confirm": (2, 1, 1), "test": (3, 2, 1)}
    assert report.imbalance == pytest.approx(1.5)
    assert not report.cross_fitted
    assert report.warnings == ()


def test_everything_is_said_in_json() -> None:
    findings = Findings(
        skipped=tuple(SkippedFile(f"cat/{number}.jpg", "broken") for number in range(50)),
        ignored={".txt": 3, ".DS_Store": 1},
        near_duplicates=NearDuplicates(1, 2, (Pair("a.jpg", "train", "b.jpg", "test"),), complete=True),
        notices=(Notice("stray_images", "move them"),),
    )
    parts = contents(labels_of(60, 6, 12), labels_of(4, 4, 0), labels_of(3, 3, 3), folds=2)
    value = json.loads(json.dumps(make_report(parts, "d" * 64, findings).as_dict()))
    assert value["num_images"] == {"train": 78, "select": 4, "confirm": 4, "test": 9}
    assert value["counts"]["train"] == [60, 6, 12]
    assert value["cross_fitted"] is True
    assert value["imbalance"] == 10.0
    assert value["num_skipped"] == 50
    assert len(value["skipped"]) == MAX_EXAMPLES
    assert value["ignored"] == {".DS_Store": 1, ".txt": 3}
    assert value["near_duplicates"]["pairs"] == [{"first": ["a.jpg", "train"], "second": ["b.jpg", "test"]}]
    assert [warning["code"] for warning in value["warnings"]] == [
        "stray_images",
        "imbalanced",
        "class_not_scored",
        "class_not_scored",
        "files_skipped",
        "near_duplicates",
    ]
    assert "'cat' has 60 training images, 'dog' 6" in value["warnings"][1]["message"]
    assert "'owl'" in value["warnings"][2]["message"]


def test_a_search_for_look_alikes_that_was_cut_short_tells_of_some() -> None:
    parts = contents(labels_of(60, 60, 60), labels_of(4, 4, 4), labels_of(3, 3, 3), folds=2)
    pairs = (Pair("a.jpg", "train", "b.jpg", "test"),)
    for complete, told in ((True, "2 images look like"), (False, "at least 2 images look like")):
        findings = Findings(near_duplicates=NearDuplicates(1, 2, pairs, complete=complete))
        (warning,) = make_report(parts, "d" * 64, findings).warnings
        assert warning.message.startswith(told)
