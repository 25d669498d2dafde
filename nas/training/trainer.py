"""Trains a supernet, or with a space of one network that network: the loop.

Everything random is a function of (seed, what it is for, epoch or step), so that a run that is killed and
started again ends, on a CPU with a fixed number of threads, with the same weights to the bit.
"""

import hashlib
import math
import platform
import time
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Final, final

import numpy as np
import torch

from latency_predictors.lease import host_share
from nas.data.dataset import Dataset
from nas.training.augment import draw, vary
from nas.training.checkpoint import Checkpoint, CheckpointFolder, restore, state_of
from nas.training.events import EpochDone, Resumed, StepsDone, Trained, TrainEvent
from nas.training.group import ALONE, Group, share_of, told
from nas.training.images import channel_moments
from nas.training.memory import retain_freed_memory
from nas.training.optimizer import Sgd
from nas.training.options import TrainTask
from nas.training.schedule import learning_rate_share
from nas.training.step import NotFiniteError, Worker, take_step
from nas.training.weights import save_supernet, weight_hash
from nas.training_options import steps_per_epoch
from search_spaces.base import IntArray, SearchSpace, option_values, space_digest
from search_spaces.digests import sha256_json
from search_spaces.errors import TrainingError, UsageError
from search_spaces.modules.supernet import Supernet
from search_spaces.network import resolution
from search_spaces.sampling import as_architecture, smallest

FINISHED: Final = "supernet.safetensors"

SILENCE_S: Final = 5.0
"""In an epoch nothing is said for so long at most: whoever waits sees that it goes on, and may stop it."""

# What a generator is for: the second number of its seed.
_ORDER, _SUBNETS, _AUGMENTATION = range(3)


def train(
    task: TrainTask,
    dataset: Dataset,
    space: SearchSpace,
    initial: Supernet | None = None,
    group: Group = ALONE,
) -> Iterator[TrainEvent]:
    """Train and leave the finished weights in the task's folder; an event an epoch, in long ones some more.

    Goes on from the newest sound checkpoint of the same run, if there is one.

    Args:
        task: What to do and where.
        dataset: Its part `train` is used.
        space: Of the supernet.
        initial: Weights and normalisation to start from, which are copied; fresh ones if not given.
        group: The workers that share each batch. All train the same subnets in the same steps; each has a
            folder of its own, and only number 0 leaves checkpoints there.

    Raises:
        UsageError: `invalid_training_option` where a batch has fewer images than there are workers.
        TrainingError: `loss_not_finite`, naming step and subnet; the last checkpoint stays.
        ArtifactError: `checkpoint_mismatch` where the folder holds another run.
        ResourceError: `disk_full`.
    """
    retain_freed_memory()
    assert initial is None or initial.space == space, "initial weights are of the space that is trained"
    supernet = _fresh(task, dataset, space) if initial is None else _copy(initial)
    checkpoints = CheckpointFolder(task.folder, identity(task, dataset, supernet, initial is not None))
    optimizer = Sgd(supernet, task.options)
    found, damaged = checkpoints.latest()
    yield from damaged
    agreed = min(told(group, 0 if found is None else found.epoch))
    if found is not None and agreed < found.epoch:
        # Another worker could not read its newest one.
        found, _ = checkpoints.latest(int(agreed))
    if found is not None:
        restore(found.tensors, supernet, optimizer)
        yield Resumed(found.epoch)
    run = _Run(task, dataset, supernet, optimizer, group)
    seconds = 0.0 if found is None else found.seconds
    for epoch in range(0 if found is None else found.epoch, task.options.epochs):
        started = time.perf_counter()
        loss = yield from run.epoch(epoch)
        elapsed = time.perf_counter() - started
        seconds += elapsed
        if group.rank == 0:
            checkpoints.save(Checkpoint(epoch + 1, seconds, state_of(supernet, optimizer)))
        yield run.done(epoch + 1, loss, elapsed, seconds)
    path = task.folder / FINISHED
    digest = save_supernet(path, supernet, {"dataset": dataset.digest, "recipe": task.recipe.name})
    yield Trained(path, digest, seconds)


def identity(task: TrainTask, dataset: Dataset, supernet: Supernet, inherits: bool) -> dict[str, str]:
    """Return everything that decides the result of a run, by name."""
    return {
        "space": space_digest(supernet.space),
        "dataset": dataset.digest,
        "recipe": sha256_json(asdict(task.recipe)),  # type: ignore[call-overload]
        "options": sha256_json(asdict(task.options)),
        "seed": str(task.seed),
        "initial_weights": weight_hash(supernet.state_dict()) if inherits else "fresh",
    }


@final
class _Run:
    """One supernet on its way: the steps."""

    def __init__(
        self,
        task: TrainTask,
        dataset: Dataset,
        supernet: Supernet,
        optimizer: Sgd,
        group: Group,
    ) -> None:
        self._task = task
        self._dataset = dataset
        self._labels = dataset.labels("train")
        self._supernet = supernet
        self._optimizer = optimizer
        self._group = group
        self._turn = _turn(group)
        self.steps_per_epoch = steps_per_epoch(len(self._labels), task.options.batch_size)
        if len(self._labels) // self.steps_per_epoch < group.size:
            raise UsageError(
                "invalid_training_option",
                f"{group.size} workers cannot share a batch of {len(self._labels) // self.steps_per_epoch} "
                "images: use fewer workers or a larger batch_size",
            )

    def epoch(self, epoch: int) -> Generator[StepsDone, None, float]:
        """Train one epoch (from 0); return its mean loss."""
        order = self._generator(_ORDER, epoch).permutation(len(self._labels))
        batches = np.array_split(order, self.steps_per_epoch)
        first = epoch * self.steps_per_epoch
        losses, said = list[float](), time.monotonic()
        for number, batch in enumerate(batches, first):
            losses.append(self._step(number, batch))
            if time.monotonic() - said >= SILENCE_S:
                yield StepsDone(number + 1, self._task.options.epochs * self.steps_per_epoch)
                said = time.monotonic()
        return math.fsum(losses) / len(losses)

    def done(self, epochs: int, loss: float, elapsed: float, seconds: float) -> EpochDone:
        """Return what is said after an epoch that took `elapsed` seconds, `seconds` with all before it."""
        steps, rate = epochs * self.steps_per_epoch, len(self._labels) / elapsed
        return EpochDone(epochs, self._task.options.epochs, steps, loss, rate, seconds)

    def _step(self, number: int, batch: IntArray) -> float:
        options, space = self._task.options, self._supernet.space
        total = options.epochs * self.steps_per_epoch
        step = self._task.recipe.step(space, number, total, self._generator(_SUBNETS, number))
        mine = share_of(self._group, len(batch))
        pixels = self._dataset.images("train", resolution(space, step.subnets[0]))[batch[mine]]
        # The numbers of all images are drawn, so that each image gets those it has with one worker.
        draws = draw(len(batch), self._generator(_AUGMENTATION, number))
        images_BCRR = vary(pixels, options.augmentation, draws.of(mine))
        labels_B = torch.from_numpy(self._labels[batch[mine]])
        share = learning_rate_share(number, total, options.warmup_share)
        worker = None if self._group.size == 1 else Worker(self._group, len(pixels) / len(batch))
        try:
            with self._turn:
                return take_step(
                    self._supernet, self._optimizer, images_BCRR, labels_B, step, options, share, worker
                )
        except NotFiniteError as error:
            raise self._stopped(error, number) from error

    def _stopped(self, error: NotFiniteError, number: int) -> TrainingError:
        space = self._supernet.space
        chosen = option_values(space, error.architecture)
        subnet = ", ".join(f"{name}={value}" for name, value in chosen.items()) or space.name
        options = self._task.options
        epoch = number // self.steps_per_epoch
        kept = f"the checkpoint of epoch {epoch} is kept" if epoch else "no epoch was finished"
        return TrainingError(
            "loss_not_finite",
            f"the {error.what} of step {number} is not finite (subnet {subnet}); {kept}; the same "
            "training stops there again: lower `supernet: {learning_rate: ...}` in the specification (here "
            f"it rises to {options.learning_rate:g})",
        )

    def _generator(self, purpose: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self._task.seed, purpose, number])


def _turn(group: Group) -> AbstractContextManager[None]:
    """Return what a worker holds for a step: nothing trains on a host while it measures.

    Of the workers on one host one holds it for all. With a share each, one that is let in would wait for
    the sums of another that whoever measures keeps out, and is waited for itself.
    """
    here = float(int(hashlib.sha256(platform.node().encode()).hexdigest()[:12], 16))
    first = told(group, here).index(here) if group.size > 1 else group.rank
    return host_share() if first == group.rank else nullcontext()


def _fresh(task: TrainTask, dataset: Dataset, space: SearchSpace) -> Supernet:
    supernet = Supernet(space, task.seed)
    side = resolution(space, as_architecture(smallest(space)[0]))
    supernet.set_normalization(*channel_moments(dataset.images("train", side)))
    return supernet


def _copy(initial: Supernet) -> Supernet:
    supernet = Supernet(initial.space)
    supernet.load_state_dict(initial.state_dict())
    return supernet
