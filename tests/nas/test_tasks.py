"""Tasks are values: they cross processes unchanged, and naming them needs no torch."""

import subprocess
import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from nas.task_events import StoredCheckpoint, TensorFiles
from nas.tasks import (
    DecodeImages,
    ExportNetworks,
    ReadArena,
    ScoreFile,
    ScoreSubnets,
    StockNetwork,
    Task,
    TimeNetwork,
    TimeSupernet,
    TrainNetwork,
    TunedSubnet,
    WholeSpace,
)
from nas.training_options import Augmentation
from tests.contracts.compute_contract import OPTIONS, inputs

FILES = TensorFiles("a" * 64, "b" * 64)
TASKS: tuple[Task, ...] = (
    TrainNetwork(inputs(), WholeSpace(), "default", OPTIONS, 1, (StoredCheckpoint(3, FILES),), 2),
    TrainNetwork(inputs(), TunedSubnet((0, 1), FILES), "default", OPTIONS, 1),
    ScoreSubnets(inputs(), FILES, ((0, 1), (1, 0)), "validation", 1, Augmentation()),
    ExportNetworks(inputs(), StockNetwork("resnet"), FILES, ((),), 1, Augmentation()),
    ScoreFile(inputs(), "c" * 64, "test"),
    ReadArena("c" * 64, "d" * 64),
    DecodeImages(inputs(), (12, 16)),
    TimeSupernet(inputs(), "default", OPTIONS, 1),
    TimeNetwork(inputs(), (0, 1), "default", OPTIONS, 1),
)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_a_task_crosses_processes_unchanged(task: Task) -> None:
    loads: Any = ForkingPickler.loads
    again = loads(bytes(ForkingPickler.dumps(task)))
    assert again == task
    assert hash(again) == hash(task)


@pytest.mark.parametrize("module", ["nas.tasks", "nas.task_events", "nas.ports", "nas.workplace"])
def test_who_hands_out_tasks_needs_no_torch(module: str, repository: Path) -> None:
    check = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=repository, check=False).returncode == 0
