"""How fast this machine trains and scores the subnets of a space: a few real steps, timed.

A step lasts `fixed * subnets + per_mac * MACs * images` seconds. A dozen steps suffice to fit that, and
the mean over what a recipe will draw then costs arithmetic only.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy  # scipy.optimize is loaded where it is first used: few processes time a training
import torch
from numpy.typing import NDArray

from nas.data.dataset import Dataset
from nas.training.augment import augment
from nas.training.batch_norm import recalibrate
from nas.training.memory import retain_freed_memory
from nas.training.optimizer import Sgd
from nas.training.options import TrainingOptions
from nas.training.recipes import Recipe, Step, spread_architectures
from nas.training.step import step_losses
from search_spaces.base import Architecture, FloatArray, SearchSpace
from search_spaces.modules.supernet import Supernet
from search_spaces.network import layers, resolution
from search_spaces.sampling import as_architecture, largest, smallest
from search_spaces.slot_tables import resolutions

_TIMED_STEPS: Final = 12
_TIMED_SUBNETS: Final = 6
_DRAWN: Final = 400
_SCORED: Final = 256
_REPEATS: Final = 7

_ROUNDS: Final = 3
"""So often each step and inference is timed, in turns: what disturbs the machine for a moment meets one."""


_MADE: Final = 32
"""Images that are made to be timed, where none are yet: batches are made of them again and again."""

_Sample = Mapping[int, NDArray[np.uint8]]
"""Images by their resolution."""


@dataclass(frozen=True)
class Throughput:
    """Seconds of this machine.

    Attributes:
        step_s: Mean training step of the recipe.
        image_s: Mean inference of one image by a subnet in torch, subnets spread from small to large.
        decoding_s: Decoding one image for all resolutions of the space; 0 where all are decoded.
    """

    step_s: float
    image_s: float
    decoding_s: float


@dataclass(frozen=True)
class Trial:
    """What is timed: the training of a search, on its real images.

    Attributes:
        seed: Of weights and subnets.
    """

    space: SearchSpace
    dataset: Dataset
    recipe: Recipe
    options: TrainingOptions
    seed: int


def measure_throughput(trial: Trial) -> Throughput:
    """Time a few training steps and inferences; nothing of it is kept."""
    retain_freed_memory()
    supernet = Supernet(trial.space, trial.seed)
    sample, decoding_s = _sample(trial)
    return Throughput(
        _mean_step(trial, supernet, sample), _mean_inference(trial, supernet, sample), decoding_s
    )


def step_cpu_seconds(trial: Trial) -> float:
    """Return the processor time of a typical training step of a space of one network."""
    retain_freed_memory()
    supernet = Supernet(trial.space, trial.seed)
    step = trial.recipe.step(trial.space, 0, 1, np.random.default_rng(0))
    sample, _ = _sample(trial)
    times = sorted(_train_step(trial, supernet, step, sample).cpu for _ in range(_REPEATS))
    return times[_REPEATS // 2]


@dataclass(frozen=True)
class _Seconds:
    wall: float
    cpu: float


def _sample(trial: Trial) -> tuple[_Sample, float]:
    """Return training images at each resolution, and the seconds of decoding one where that is left to do."""
    sides = resolutions(trial.space)
    left, started = trial.dataset.left(sides), time.perf_counter()
    sample = trial.dataset.sample(sides, _MADE)
    elapsed = time.perf_counter() - started
    return sample, elapsed / min(map(len, sample.values())) if left else 0.0


def _mean_step(trial: Trial, supernet: Supernet, sample: _Sample) -> float:
    drawn = [
        trial.recipe.step(trial.space, n, _DRAWN, np.random.default_rng([trial.seed, n]))
        for n in range(_DRAWN)
    ]
    # From all over the training: a recipe may begin with cheap steps.
    timed = drawn[_DRAWN % _TIMED_STEPS :: _DRAWN // _TIMED_STEPS]
    work = np.array([_work(trial.space, step.subnets, trial.options.batch_size) for step in drawn])
    # Memory and kernels are made ready by two steps before anything counts.
    for step in (timed[0], timed[-1]):
        _train_step(trial, supernet, step, sample)
    rounds = [[_train_step(trial, supernet, step, sample).wall for step in timed] for _ in range(_ROUNDS)]
    of_timed = np.array([_work(trial.space, step.subnets, trial.options.batch_size) for step in timed])
    return float((work @ _fit(of_timed, np.median(rounds, axis=0))).mean())


def _mean_inference(trial: Trial, supernet: Supernet, sample: _Sample) -> float:
    rng = np.random.default_rng(trial.seed)
    drawn = [as_architecture(row) for row in spread_architectures(trial.space, _DRAWN, rng)]
    ends = [as_architecture(row) for row in (smallest(trial.space)[0], largest(trial.space)[0])]
    timed = [*ends, *drawn[:_TIMED_SUBNETS]]
    rounds = [[_score_batch(trial, supernet, one, sample) for one in timed] for _ in range(_ROUNDS)]
    work = np.array([_work(trial.space, (architecture,), _SCORED) for architecture in timed])
    everyone = np.array([_work(trial.space, (architecture,), _SCORED) for architecture in drawn])
    return float((everyone @ _fit(work, np.min(rounds, axis=0))).mean()) / _SCORED


def _train_step(trial: Trial, supernet: Supernet, step: Step, sample: _Sample) -> _Seconds:
    optimizer = Sgd(supernet, trial.options)
    pixels = sample[resolution(trial.space, step.subnets[0])]
    chosen = np.arange(trial.options.batch_size) % len(pixels)
    labels = torch.from_numpy(trial.dataset.labels("train")[chosen])
    wall, cpu = time.perf_counter(), time.process_time()
    images = augment(pixels[chosen], trial.options.augmentation, np.random.default_rng(0))
    for _, loss in step_losses(supernet, images, labels, step, trial.options.label_smoothing):
        loss.backward()
    optimizer.step(trial.options.learning_rate)
    optimizer.forget_gradients()
    return _Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def _score_batch(trial: Trial, supernet: Supernet, architecture: Architecture, sample: _Sample) -> float:
    pixels = sample[resolution(trial.space, architecture)]
    chosen = pixels[np.arange(_SCORED) % len(pixels)]
    started = time.perf_counter()
    recalibrate(supernet, architecture, chosen, trial.options.augmentation, 0)
    return time.perf_counter() - started


def _work(space: SearchSpace, subnets: tuple[Architecture, ...], images: int) -> tuple[float, float]:
    macs = sum(spec.macs for architecture in subnets for spec in layers(space, architecture))
    return float(len(subnets)), float(macs) * images / 1e9


def _fit(work: FloatArray, seconds: FloatArray) -> FloatArray:
    coefficients, _ = scipy.optimize.nnls(work, seconds)
    return np.asarray(coefficients, dtype=np.float64)
