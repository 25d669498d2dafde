import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.data.dataset import Dataset
from nas.evaluation import SubnetEvaluator
from nas.training import trainer
from nas.training.augment import vary
from nas.training.events import CheckpointDamaged, EpochDone, Resumed, StepsDone, Trained, TrainEvent
from nas.training.group import ALONE, Group
from nas.training.recipes import Recipe, Sandwich, Uniform
from nas.training.trainer import train
from nas.training.weights import load_supernet, read_manifest
from nas.training_options import steps_per_epoch
from search_spaces.base import Space
from search_spaces.errors import ArtifactError, ResourceError, TrainingError, UsageError
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space
from tests.nas.training.small_run import EPOCHS, small_task
from tests.nas.training.together import together


def test_a_run_says_each_epoch_and_ends_with_weights(dataset: Dataset, space: Space, tmp_path: Path) -> None:
    *epochs, last = train(small_task(tmp_path), dataset, space)
    assert [type(event) for event in epochs] == [EpochDone] * EPOCHS
    assert [(event.epoch, event.step) for event in epochs if isinstance(event, EpochDone)] == [
        (epoch, 9 * epoch) for epoch in range(1, EPOCHS + 1)
    ]
    assert isinstance(last, Trained)
    assert read_manifest(last.path)["weight_hash"] == last.weight_hash


def test_long_epochs_say_how_far_they_are(
    dataset: Dataset, space: Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.training.trainer.SILENCE_S", 0.0)
    events = train(small_task(tmp_path), dataset, space)
    steps = [event.step for event in events if isinstance(event, StepsDone) and event.steps == 9 * EPOCHS]
    assert steps == list(range(1, 9 * EPOCHS + 1))


def test_every_subnet_learns(dataset: Dataset, space: Space, trained: Trained) -> None:
    supernet = load_supernet(trained.path, space)
    evaluator = SubnetEvaluator(supernet, dataset, 0, small_task(trained.path).options.augmentation)
    accuracy = {archs: evaluator.correct(archs, "test").mean() for archs in [(0, 0, 0), (1, 1, 1), (1, 0, 1)]}
    assert min(accuracy.values()) > 0.8, accuracy


def test_the_same_seed_gives_the_same_weights(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path
) -> None:
    *_, again = train(small_task(tmp_path / "again"), dataset, space)
    *_, other = train(small_task(tmp_path / "other", seed=4), dataset, space)
    assert isinstance(again, Trained)
    assert isinstance(other, Trained)
    assert again.weight_hash == trained.weight_hash != other.weight_hash


def test_a_killed_run_ends_with_the_same_weights(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.nas.training.small_run", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert all(line.startswith("EpochDone") for line in seen)
    resumed, *_, last = train(small_task(tmp_path), dataset, space)
    assert isinstance(resumed, Resumed)
    assert 2 <= resumed.epoch < EPOCHS
    assert isinstance(last, Trained)
    assert last.weight_hash == trained.weight_hash


def test_a_damaged_checkpoint_is_said_and_costs_one_epoch(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path
) -> None:
    events = train(small_task(tmp_path), dataset, space)
    for _ in range(3):
        next(events)
    events.close()  # type: ignore[attr-defined]
    newest = tmp_path / "checkpoint-00000003.safetensors"
    content = bytearray(newest.read_bytes())
    content[1000] ^= 1
    newest.write_bytes(content)
    damaged, resumed, *_, last = train(small_task(tmp_path), dataset, space)
    assert isinstance(damaged, CheckpointDamaged)
    assert damaged.path == newest
    assert resumed == Resumed(epoch=2)
    assert isinstance(last, Trained)
    assert last.weight_hash == trained.weight_hash


def test_a_finished_run_is_not_trained_again(dataset: Dataset, space: Space, trained: Trained) -> None:
    events = list(train(small_task(trained.path.parent), dataset, space))
    assert events == [Resumed(EPOCHS), trained]


def test_the_folder_of_another_run_is_refused(dataset: Dataset, space: Space, trained: Trained) -> None:
    with pytest.raises(ArtifactError, match="another seed") as caught:
        next(iter(train(small_task(trained.path.parent, seed=9), dataset, space)))
    assert caught.value.code == "checkpoint_mismatch"


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def breaking(*arguments: object) -> Tensor:
        nonlocal calls
        calls += 1
        images = vary(*arguments)  # type: ignore[arg-type]
        return images.fill_(float("nan")) if calls == 15 else images

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "vary", breaking)
        with pytest.raises(TrainingError) as caught:
            list(train(small_task(tmp_path), dataset, space))
    assert caught.value.code == "loss_not_finite"
    assert "step 14" in caught.value.message
    assert "width=" in caught.value.message
    assert "checkpoint of epoch 1 is kept" in caught.value.message
    resumed, *_, last = train(small_task(tmp_path), dataset, space)
    assert resumed == Resumed(epoch=1)
    assert isinstance(last, Trained)
    assert last.weight_hash == trained.weight_hash


def test_a_learning_rate_that_breaks_the_weights_is_named(
    dataset: Dataset, space: Space, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match=r"lower `supernet: {learning_rate: ...}`.*1e\+38") as caught:
        list(train(small_task(tmp_path, learning_rate=1e38), dataset, space))
    assert caught.value.code == "loss_not_finite"
    assert "no epoch was finished" in caught.value.message


def test_a_full_disk_keeps_the_checkpoint_before(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = train(small_task(tmp_path), dataset, space)
    next(events)
    before = sorted(path.name for path in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", no_space)
        with pytest.raises(ResourceError) as caught:
            next(events)
    assert caught.value.code == "disk_full"
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    *_, last = train(small_task(tmp_path), dataset, space)
    assert isinstance(last, Trained)
    assert last.weight_hash == trained.weight_hash


def no_space(descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_one_network_is_trained_alone_by_the_same_loop(
    dataset: Dataset, space: Space, tmp_path: Path
) -> None:
    alone = fixed_space(space, (1, 1, 0))
    task = replace(small_task(tmp_path), recipe=Uniform())
    *_, last = train(task, dataset, alone)
    assert isinstance(last, Trained)
    evaluator = SubnetEvaluator(load_supernet(last.path, alone), dataset, 0, task.options.augmentation)
    assert evaluator.correct((), "test").mean() > 0.8


def test_initial_weights_are_copied_and_part_of_the_run(
    dataset: Dataset, space: Space, tmp_path: Path
) -> None:
    initial = Supernet(space, seed=8)
    before = [value.clone() for value in initial.parameters()]
    events = train(small_task(tmp_path), dataset, space, initial)
    next(events)
    assert all(torch.equal(a, b) for a, b in zip(before, initial.parameters(), strict=True))
    with pytest.raises(ArtifactError, match="initial_weights"):
        next(train(small_task(tmp_path), dataset, space, Supernet(space, seed=9)))


def test_an_epoch_is_cut_into_nearly_equal_batches() -> None:
    assert [steps_per_epoch(n, 64) for n in (10, 64, 990)] == [1, 1, 15]
    assert {len(part) for part in np.array_split(np.arange(990), 15)} == {66}


def test_a_sandwich_trains_too(dataset: Dataset, space: Space, tmp_path: Path) -> None:
    losses = [
        event.loss
        for event in train(replace(small_task(tmp_path), recipe=Sandwich()), dataset, space)
        if isinstance(event, EpochDone)
    ]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("recipe", [Uniform(), Sandwich()])
def test_workers_that_share_batches_train_as_one(
    dataset: Dataset, space: Space, tmp_path: Path, recipe: Recipe
) -> None:
    def work(group: Group) -> list[TrainEvent]:
        task = replace(small_task(tmp_path / f"{group.size}-{group.rank}"), recipe=recipe)
        return list(train(task, dataset, space, group=group))

    alone = work(ALONE)
    first, second = together(2, work)
    assert losses(first) == losses(second) == pytest.approx(losses(alone), rel=0.02)
    # Rounding grows from step to step; where it begins it is rounding.
    assert losses(first)[0] == pytest.approx(losses(alone)[0], rel=1e-5)
    assert isinstance(first[-1], Trained)
    assert isinstance(second[-1], Trained)
    assert first[-1].weight_hash == second[-1].weight_hash
    assert [path.name for path in (tmp_path / "2-1").glob("checkpoint*")] == []


def losses(events: list[TrainEvent]) -> list[float]:
    return [event.loss for event in events if isinstance(event, EpochDone)]


def test_workers_go_on_from_what_all_of_them_can_read(
    dataset: Dataset, space: Space, trained: Trained, tmp_path: Path
) -> None:
    events = train(small_task(tmp_path / "0"), dataset, space)
    for _ in range(3):
        next(events)
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    (tmp_path / "1" / "checkpoint-00000003.safetensors").write_bytes(b"damaged here")

    def work(group: Group) -> list[TrainEvent]:
        return list(train(small_task(tmp_path / str(group.rank)), dataset, space, group=group))

    first, second = together(2, work)
    assert first[0] == second[1] == Resumed(epoch=2)
    assert isinstance(second[0], CheckpointDamaged)


def test_a_batch_has_an_image_for_each_worker(dataset: Dataset, space: Space, tmp_path: Path) -> None:
    task = small_task(tmp_path)
    small = replace(task, options=replace(task.options, batch_size=1))

    def work(group: Group) -> str:
        with pytest.raises(UsageError, match="2 workers") as caught:
            next(train(small, dataset, space, group=group))
        return caught.value.code

    assert together(2, work) == ["invalid_training_option"] * 2
