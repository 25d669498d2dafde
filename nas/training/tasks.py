"""The tasks of training: make images ready, train a network, time a training."""

import math
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from latency_predictors.lease import host_share
from nas.data.dataset import Dataset
from nas.task_events import (
    CheckpointDamaged,
    CheckpointKept,
    EpochDone,
    Event,
    ImagesDecoded,
    NetworkTimed,
    NetworkTrained,
    StoredCheckpoint,
    SupernetTimed,
    TensorFiles,
)
from nas.tasks import DecodeImages, StockNetwork, TimeNetwork, TimeSupernet, TrainNetwork, TunedSubnet
from nas.training.checkpoint import checkpoint_path
from nas.training.events import Trained, TrainEvent
from nas.training.finetune import finetune
from nas.training.group import ALONE, Group, told
from nas.training.options import TrainTask
from nas.training.recipes import get_recipe
from nas.training.throughput import Trial, measure_throughput, step_cpu_seconds
from nas.training.trainer import FINISHED, train
from nas.training.weights import load_supernet
from nas.workplace import Workplace, network_space, stock_space
from search_spaces.base import SearchSpace, Space
from search_spaces.errors import ArtifactError
from search_spaces.modules.supernet import Supernet
from search_spaces.network import fixed_space

_RUN: Final = "training"
_INITIAL: Final = "initial"


def train_network(task: TrainNetwork, workplace: Workplace, group: Group = ALONE) -> Iterator[Event]:
    """Train to the end; every epoch's checkpoint goes to the artifact store.

    Args:
        task: What to train.
        workplace: Where.
        group: The workers of this training. Only number 0 keeps anything, and says something.

    Raises:
        TrainingError: `loss_not_finite`.
        ArtifactError: `checkpoint_mismatch` where a checkpoint belongs to another run.
    """
    dataset, space = workplace.open(task.inputs)
    folder = workplace.scratch / _RUN
    folder.mkdir(parents=True)
    damaged = tuple(_place_checkpoints(task, workplace, folder))
    yield from damaged if group.rank == 0 else ()
    started, started_cpu = time.perf_counter(), time.process_time()
    for event in _training(task, workplace, dataset, space, group):
        match event:
            case Trained():
                seconds = time.perf_counter() - started
                cpu = math.fsum(told(group, time.process_time() - started_cpu))
                if group.rank:
                    return
                # Of epochs that an earlier process trained only the seconds are known.
                whole_cpu = cpu * max(event.seconds / seconds, 1.0)
                supernet = load_supernet(event.path, network_space(task.network, space, dataset))
                num_params = sum(parameter.numel() for parameter in supernet.parameters())
                weights = workplace.keep(event.path)
                yield NetworkTrained(weights, event.weight_hash, num_params, event.seconds, whole_cpu)
            case _ if group.rank:
                continue
            case EpochDone():
                files = workplace.keep(checkpoint_path(folder, event.epoch))
                yield CheckpointKept(StoredCheckpoint(event.epoch, files))
                yield event
            case _:
                yield event


def load_weights(files: TensorFiles, space: SearchSpace, workplace: Workplace, name: str) -> Supernet:
    """Return a trained supernet from the artifact store.

    Args:
        files: Its weights, as the training kept them.
        space: Of the supernet.
        workplace: Where to put them.
        name: Of a folder for them.

    Raises:
        ArtifactError: They are missing, damaged, or of another space.
    """
    return load_supernet(workplace.place(files, workplace.scratch / name / FINISHED), space)


def decode_images(task: DecodeImages, workplace: Workplace) -> Iterator[Event]:
    """Decode and resize images; several of these at a time take turns."""
    dataset, _ = workplace.open(task.inputs)
    for done, total in dataset.prepare(task.resolutions):
        yield ImagesDecoded(done, total)


def time_supernet(task: TimeSupernet, workplace: Workplace) -> Iterator[Event]:
    """Time training steps and inferences of the space's supernet."""
    dataset, space = workplace.open(task.inputs)
    trial = Trial(space, dataset, get_recipe(task.recipe), task.options, task.seed)
    with closing(host_share()) as share, share:
        found = measure_throughput(trial)
    yield SupernetTimed(found.step_s, found.image_s, found.decoding_s)


def time_network(task: TimeNetwork, workplace: Workplace) -> Iterator[Event]:
    """Time a training step of one network."""
    dataset, space = workplace.open(task.inputs)
    if isinstance(task.network, StockNetwork):
        own: Space = stock_space(task.network.name, space, dataset)
    else:
        own = fixed_space(space, task.network)
    trial = Trial(own, dataset, get_recipe(task.recipe), task.options, task.seed)
    with closing(host_share()) as share, share:
        step_cpu_s = step_cpu_seconds(trial)
    yield NetworkTimed(step_cpu_s)


def _training(
    task: TrainNetwork, workplace: Workplace, dataset: Dataset, space: Space, group: Group
) -> Iterator[TrainEvent]:
    asked = TrainTask(workplace.scratch / _RUN, get_recipe(task.recipe), task.options, task.seed)
    if isinstance(task.network, TunedSubnet):
        supernet = load_weights(task.network.supernet, space, workplace, _INITIAL)
        return finetune(asked, dataset, supernet, task.network.architecture, group)
    return train(asked, dataset, network_space(task.network, space, dataset), group=group)


def _place_checkpoints(task: TrainNetwork, workplace: Workplace, folder: Path) -> Iterator[CheckpointDamaged]:
    """Put the checkpoints that can be had where training finds them."""
    for checkpoint in sorted(task.checkpoints, key=lambda found: found.epoch, reverse=True):
        path = checkpoint_path(folder, checkpoint.epoch)
        try:
            workplace.place(checkpoint.files, path)
        except ArtifactError as error:
            # Without its manifest a checkpoint counts as absent.
            path.with_suffix(".json").unlink(missing_ok=True)
            yield CheckpointDamaged(path, error.code, error.message)
