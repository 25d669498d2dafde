"""What a task is given to work with, and what it opens there."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import psutil

from nas.data.catalogue import open_dataset
from nas.data.dataset import Dataset
from nas.data.spec import DatasetSpec, FolderRules
from nas.ports import Artifacts
from nas.specs import SpaceSpec
from nas.task_events import TensorFiles
from nas.tasks import Inputs, Network, StockNetwork, TunedSubnet
from search_spaces.base import SearchSpace, Space
from search_spaces.catalogue import get_space
from search_spaces.errors import DataError
from search_spaces.network import fixed_space
from search_spaces.slot_tables import resolutions
from search_spaces.stock_networks import STOCK_NETWORKS

_OPEN_DATASETS: Final = 2
"""Kept open in a process: a task of the same search, which is the usual case, opens nothing."""


@dataclass(frozen=True)
class Workplace:
    """Where a task runs.

    Attributes:
        artifacts: What lasts.
        scratch: A folder of the task's own, removed when it ends.
        images: Folder of what was seen and made of images, kept for the next task.
    """

    artifacts: Artifacts
    scratch: Path
    images: Path

    def open(self, inputs: Inputs) -> tuple[Dataset, Space]:
        """Return the images and the space of a task.

        Raises:
            DataError: `data_changed` where they are not the images that the task was made for.
            HwnasError: What is wrong with either.
        """
        dataset = _opened(inputs.dataset, inputs.dataset_digest, self.images, _Store(self.artifacts))
        return dataset, space_for(inputs.space, dataset)

    def place(self, files: TensorFiles, path: Path) -> Path:
        """Put stored tensors where `nas.training.weights` reads them; return the path.

        Args:
            files: What is stored.
            path: Ends in `.safetensors` and has the name that the tensors were written under.

        Raises:
            ArtifactError: `artifact_missing` or `artifact_damaged`.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        for digest, place in ((files.tensors, path), (files.manifest, path.with_suffix(".json"))):
            place.unlink(missing_ok=True)
            place.symlink_to(self.artifacts.local_path(digest, place.suffix).absolute())
        return path

    def keep(self, path: Path) -> TensorFiles:
        """Keep tensors that `nas.training.weights` wrote."""
        return TensorFiles(self.artifacts.put_file(path), self.artifacts.put_file(path.with_suffix(".json")))


def space_for(spec: SpaceSpec, dataset: Dataset) -> Space:
    """Return a space for the images of a data set.

    Raises:
        UsageError: `unknown_space` or `unknown_preset`.
    """
    return _space(spec, len(dataset.class_names), dataset.num_channels)


def stock_space(name: str, space: SearchSpace, dataset: Dataset) -> Space:
    """Return a stock network for the largest images that a space looks at."""
    return STOCK_NETWORKS[name](resolutions(space)[-1], len(dataset.class_names), dataset.num_channels)


def network_space(network: Network, space: Space, dataset: Dataset) -> Space:
    """Return the space whose supernet a network is: a stock network and a tuned subnet have one each."""
    match network:
        case StockNetwork(name):
            return stock_space(name, space, dataset)
        case TunedSubnet(architecture):
            return fixed_space(space, architecture)
    return space


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Make a folder that is gone at the end, and remove those of processes that were killed."""
    parent.mkdir(parents=True, exist_ok=True)
    clear_scratch(parent)
    folder = parent / f"{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_scratch(parent: Path) -> None:
    """Remove the scratch folders of processes that were killed."""
    for left in parent.glob("*-*"):
        owner = left.name.partition("-")[0]
        if owner.isdecimal() and not _lives(int(owner)):
            shutil.rmtree(left, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@dataclass(frozen=True)
class _Store:
    """An artifact store; equal to any other, since what it holds goes by its digest."""

    artifacts: Artifacts = field(compare=False)


@lru_cache(maxsize=_OPEN_DATASETS)
def _space(spec: SpaceSpec, num_classes: int, num_channels: int) -> Space:
    # One value for all tasks of a process: what is derived from a space is cached by its identity.
    return get_space(spec.name, preset=spec.preset, num_classes=num_classes, in_channels=num_channels)


@lru_cache(maxsize=_OPEN_DATASETS)
def _opened(spec: DatasetSpec, digest: str, images: Path, store: _Store) -> Dataset:
    if isinstance(spec, FolderRules):
        spec = spec.model_copy(update={"near_duplicates": "off"})  # who made the task has told of them
    dataset = open_dataset(spec, images, store.artifacts.local_path)
    if dataset.digest != digest:
        raise DataError(
            "data_changed",
            f"data set '{dataset.name}' is {dataset.digest[:12]} on this machine, not {digest[:12]} as where "
            "the job was made: give every machine the same images, or start again with the new ones",
        )
    return dataset
