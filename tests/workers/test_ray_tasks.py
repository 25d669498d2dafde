"""What a process of Ray keeps from one task to the next. What else it does is tested through Ray."""

import copy
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nas.compute import InProcessCompute
from nas.scoring import open_evaluator
from nas.tasks import ScoreSubnets
from nas.training_options import Augmentation
from nas.workplace import Workplace
from tests.contracts.compute_contract import SEED, architectures, inputs, trained, training
from tests.contracts.folder_artifacts import FolderArtifacts
from workers import ray_tasks
from workers.ray_messages import Workshop


def test_supernet_and_images_stay_until_another_task_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts, folder = FolderArtifacts(tmp_path / "artifacts"), tmp_path / "work"
    weights = trained(InProcessCompute(artifacts, folder).run(training())).weights
    opened: list[weakref.ref[Any]] = []

    def seen(task: ScoreSubnets, place: Workplace) -> Any:
        evaluator = open_evaluator(task, place)
        opened.append(weakref.ref(evaluator))
        return evaluator

    @contextmanager
    def without_stepping_back(workshop: Workshop) -> Iterator[Workplace]:
        yield Workplace(workshop.artifacts(), workshop.folder, workshop.folder / "images")

    monkeypatch.setattr(ray_tasks, "open_evaluator", seen)
    monkeypatch.setattr(ray_tasks, "workplace", without_stepping_back)
    workshop = Workshop(partial(FolderArtifacts, artifacts.folder), folder, {})
    task = ScoreSubnets(inputs(), weights, (), "test", SEED, Augmentation())
    for part in ([(0, architectures(3)[0])], list(enumerate(architectures(3)))[1:]):
        # As it arrives with each part: equal to none that came before.
        sent = copy.deepcopy(workshop)
        assert sent != workshop
        scored = list(ray_tasks.score_there(task, sent, part))
        assert [one.index for one in scored] == [index for index, _ in part]
        assert all(one.cpu_s > 0 for one in scored)
    assert len(opened) == 1
    assert opened[0]() is not None
    list(ray_tasks.perform_there(training(), workshop))
    gc.collect()
    assert opened[0]() is None
