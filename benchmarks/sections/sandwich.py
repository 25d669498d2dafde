"""What elastic weights cost: a sandwich step against the same four networks with static weights.

Both steps train the largest network on labels and three others on its soft labels, with one optimiser step;
interleaved, in pairs.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.figures import Figure, spread
from benchmarks.sections.measured_networks import demo_space
from nas.training.distillation import soft_label_loss, soft_labels
from nas.training.optimizer import Sgd
from nas.training.options import TrainingOptions
from nas.training.recipes import Sandwich, Step
from nas.training.step import step_losses
from search_spaces.modules.static import StaticNetwork
from search_spaces.modules.supernet import Supernet
from search_spaces.network import network, resolution

_BATCH: Final = 64
_OPTIONS: Final = TrainingOptions(epochs=1, batch_size=_BATCH)
_STEPS: Final = 8
"""Sandwiches that are timed: different subnets, all resolutions."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Time both kinds of step in turn, and their resident memory in processes of their own."""
    rounds = 2 if quick else 10
    ratios = []
    for number in range(_STEPS):
        step = _step(number)
        images, labels = _batch(step)
        elastic, static = elastic_step(step, images, labels), static_step(step, images, labels)
        elastic(), static()
        for _ in range(rounds):
            ratios.append(_seconds(elastic) / _seconds(static))
    memory = statistics.median(_resident("elastic") / _resident("largest") for _ in range(1 if quick else 3))
    typical = statistics.median(ratios)
    return [
        Figure("sandwich step, elastic over static", typical, "", "<=", 1.05, spread(ratios)),
        Figure("resident memory, sandwich over training the largest alone", memory, "", "<=", 1.3),
    ]


def elastic_step(step: Step, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a training step of the supernet."""
    supernet = Supernet(demo_space())
    optimizer = Sgd(supernet, _OPTIONS)

    def train() -> None:
        optimizer.forget_gradients()
        for _, loss in step_losses(supernet, images, labels, step, _OPTIONS.label_smoothing):
            loss.backward()
        torch.nn.utils.clip_grad_norm_(supernet.parameters(), _OPTIONS.clip_norm)
        optimizer.step(_OPTIONS.learning_rate)

    return train


def static_step(step: Step, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a training step of static networks: the first teaches the others."""
    space = demo_space()
    models = [StaticNetwork(network(space, one)).train() for one in step.subnets]
    optimizers = [Sgd(model, _OPTIONS) for model in models]

    def train() -> None:
        targets = None
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.forget_gradients()
            logits = model(images)
            if targets is None:
                loss = functional.cross_entropy(logits, labels, label_smoothing=_OPTIONS.label_smoothing)
                targets = soft_labels(logits)
            else:
                loss = soft_label_loss(logits, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), _OPTIONS.clip_norm)
            optimizer.step(_OPTIONS.learning_rate)

    return train


def _step(number: int) -> Step:
    return Sandwich().step(demo_space(), number, _STEPS, np.random.default_rng([0, number]))


def _batch(step: Step) -> tuple[Tensor, Tensor]:
    side = resolution(demo_space(), step.subnets[0])
    rng = np.random.default_rng(0)
    pixels = torch.from_numpy(rng.random((_BATCH, 1, side, side), dtype=np.float32))
    return pixels.to(memory_format=torch.channels_last), torch.from_numpy(rng.integers(0, 10, _BATCH))


def _seconds(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _resident(kind: str) -> float:
    command = [sys.executable, "-m", "benchmarks.sections.sandwich", kind]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _report_resident(kind: str) -> None:
    """Train a while at the largest resolution and print the bytes resident: run as a process of its own."""
    sides = [_step(number) for number in range(_STEPS)]
    step = max(sides, key=lambda one: resolution(demo_space(), one.subnets[0]))
    images, labels = _batch(step)
    if kind == "elastic":
        train = elastic_step(step, images, labels)
    else:
        train = static_step(Step(step.subnets[:1], distils=False), images, labels)
    for _ in range(10):
        train()
    print(psutil.Process().memory_info().rss)


if __name__ == "__main__":
    _report_resident(sys.argv[1])
