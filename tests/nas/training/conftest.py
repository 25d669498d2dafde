"""Data, a space and a trained supernet that the tests of training share."""

from pathlib import Path

import pytest

from nas.data.dataset import Dataset
from nas.training.events import Trained
from nas.training.trainer import train
from search_spaces.base import Space
from tests.nas.training.small_run import patterns, small_space, small_task


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return patterns()


@pytest.fixture(scope="session")
def space() -> Space:
    return small_space()


@pytest.fixture(scope="session")
def trained(dataset: Dataset, space: Space, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """An uninterrupted run of `small_task`."""
    folder: Path = tmp_path_factory.mktemp("trained")
    *_, last = train(small_task(folder), dataset, space)
    assert isinstance(last, Trained)
    return last
