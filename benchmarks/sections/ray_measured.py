"""Ray for a benchmark: with the processor time of all of its processes."""

import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import psutil

from nas.data.catalogue import open_dataset
from nas.data.spec import DatasetSpec
from nas.specs import SpaceSpec
from nas.task_events import Event
from nas.tasks import Inputs, Task
from tests.contracts.folder_artifacts import FolderArtifacts
from workers.cluster import LocalRay, RayCompute

LEAST: Final = 0.85
"""Of the images per CPU-second that one process manages."""


@dataclass(frozen=True)
class MeasuredRay:
    """A Ray of our own.

    Attributes:
        compute: Runs tasks on it.
        before: Children of this process that were there before.
    """

    compute: RayCompute
    before: frozenset[int]

    def run(self, task: Task) -> list[Event]:
        """Run a task to its end."""
        return list(self.compute.run(task))

    def cpu_seconds(self, task: Task) -> float:
        """Return the processor time that Ray's processes, its own and those of the task, spend on a task."""
        before = self._spent()
        self.run(task)
        return self._spent() - before

    def _spent(self) -> float:
        total = 0.0
        for driver in psutil.Process().children():
            if driver.pid in self.before:
                continue
            for process in (driver, *driver.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    total += times.user + times.system
        return total


@contextmanager
def measured_ray(folder: Path, num_cpus: int) -> Iterator[MeasuredRay]:
    """Start a Ray when its first task runs; artifacts and images are kept in the folder."""
    before = frozenset(child.pid for child in psutil.Process().children())
    opened = partial(FolderArtifacts, folder / "artifacts")
    with RayCompute(opened, folder, LocalRay(num_cpus)) as compute:
        yield MeasuredRay(compute, before)


def inputs_of(dataset: DatasetSpec, preset: str, folder: Path) -> Inputs:
    """Return images and a preset of MobileNetV3 for them."""
    return Inputs(dataset, open_dataset(dataset, folder / "images").digest, SpaceSpec(preset=preset))


def in_words(ratios: Sequence[float]) -> str:
    """Return how ratios of one measurement after the other spread."""
    return f"{min(ratios):.3f} to {max(ratios):.3f}, median {statistics.median(ratios):.3f} (n={len(ratios)})"
