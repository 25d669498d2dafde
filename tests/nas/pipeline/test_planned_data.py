"""A plan tells which classes it has found."""

from pathlib import Path

import numpy as np
from PIL import Image

from nas.data.catalogue import open_dataset
from nas.data.facts import DIGITS, facts_of
from nas.data.spec import ImageFolderSpec
from nas.pipeline.planned_data import PlannedData


def test_the_digits_are_told_without_opening_them() -> None:
    told = PlannedData.of(DIGITS)
    assert told.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert (told.num_train, told.num_validation, told.num_test) == (899, 539, 359)


def test_a_folder_one_level_too_high_shows_in_the_names(tmp_path: Path) -> None:
    """The folders of classes are meant; those of cameras are found."""
    rng = np.random.default_rng(0)
    for number in range(80):
        path = tmp_path / "photos" / "ab"[number % 2] / ("bird", "cat")[number // 40] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
    photos = open_dataset(ImageFolderSpec(path=tmp_path / "photos"), tmp_path / "kept")
    told = PlannedData.of(facts_of(photos.report.as_dict()))
    assert told.class_names == ("a", "b")
    assert (told.num_train, told.num_validation, told.num_test) == (56, 12, 12)
