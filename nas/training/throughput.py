"""How fast this machine trains and scores the subnets of a space: a few real steps, timed.

A step lasts `fixed * subnets + per_mac * MACs * images` seconds. A dozen steps suffice to fit that, and
the mean over what a recipe will draw then costs arithmetic only. Where a step is so long that a dozen would
take minutes, fewer are timed, on fewer images: next to their MACs what is fixed is then nothing.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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

_STEPS_S: Final = 10.0
_INFERENCES_S: Final = 4.0
"""After so many seconds no more are timed, or after half of them where batches are made smaller."""

_LEAST: Final = 4
"""So many are timed, however long that takes."""

_LONGEST_S: Final = 1.0
"""A batch that takes longer is made smaller, down to"""

_FEWEST: Final = 4
"""images."""

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
    """Time a few training steps and inferences, some ten seconds at most; nothing of it is kept."""
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
    images = trial.options.batch_size
    times = sorted(_train_step(trial, supernet, step, sample, images).cpu for _ in range(_REPEATS))
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
    # From all over the training: a recipe may begin with cheap steps. The first few are, too.
    timed = drawn[_DRAWN % _TIMED_STEPS :: _DRAWN // _TIMED_STEPS]
    timed = [*timed[::3], *timed[1::3], *timed[2::3]]

    def seconds(step: Step, images: int) -> float:
        return _train_step(trial, supernet, step, sample, images).wall

    batch = trial.options.batch_size
    images = _fitting(partial(seconds, timed[-1]), batch)
    # Memory and kernels are made ready by two steps before anything counts.
    for step in (timed[0], timed[-1]):
        seconds(step, images)
    whole = images == batch
    times = _in_turns([partial(seconds, step, images) for step in timed], _STEPS_S if whole else _STEPS_S / 2)
    work, of_timed = (
        np.array([_work(trial.space, step.subnets, num) for step in steps])
        for steps, num in ((drawn, batch), (timed, images))
    )
    fitted = _fit(of_timed[: len(times)], np.array(list(map(np.median, times))), whole=whole)
    return float((work @ fitted).mean())


def _mean_inference(trial: Trial, supernet: Supernet, sample: _Sample) -> float:
    rng = np.random.default_rng(trial.seed)
    drawn = [as_architecture(row) for row in spread_architectures(trial.space, _DRAWN, rng)]
    ends = [as_architecture(row) for row in (smallest(trial.space)[0], largest(trial.space)[0])]
    timed = [*ends, *drawn[:_TIMED_SUBNETS]]
    seconds = partial(_score_batch, trial, supernet, sample)
    images = _fitting(partial(seconds, ends[1]), _SCORED)
    whole, most_s = images == _SCORED, _INFERENCES_S
    times = _in_turns([partial(seconds, one, images) for one in timed], most_s if whole else most_s / 2)
    work = np.array([_work(trial.space, (architecture,), images) for architecture in timed])
    everyone = np.array([_work(trial.space, (architecture,), _SCORED) for architecture in drawn])
    fitted = _fit(work[: len(times)], np.array(list(map(min, times))), whole=whole)
    return float((everyone @ fitted).mean()) / _SCORED


def _fitting(seconds: Callable[[int], float], most: int) -> int:
    """Return of how many images a batch is timed: `most`, or as many as take no longer than `_LONGEST_S`.

    Args:
        seconds: Runs a batch of so many images.
        most: Images of a whole batch.
    """
    images = min(_FEWEST, most)
    seconds(images)  # the first one takes longer
    while images < most and 2 * seconds(images) <= _LONGEST_S:
        images = min(2 * images, most)
    return images


def _in_turns(things: Sequence[Callable[[], float]], most_s: float) -> list[list[float]]:
    """Return the seconds of things that are timed in turns, those that were reached before time was up."""
    until = time.perf_counter() + most_s
    times: list[list[float]] = [[] for _ in things]
    for turn in range(_ROUNDS * len(things)):
        if turn >= _LEAST and time.perf_counter() > until:
            break
        times[turn % len(things)].append(things[turn % len(things)]())
    return [found for found in times if found]


def _train_step(trial: Trial, supernet: Supernet, step: Step, sample: _Sample, images: int) -> _Seconds:
    optimizer = Sgd(supernet, trial.options)
    pixels = sample[resolution(trial.space, step.subnets[0])]
    chosen = np.arange(images) % len(pixels)
    labels = torch.from_numpy(trial.dataset.labels("train")[chosen])
    wall, cpu = time.perf_counter(), time.process_time()
    varied = augment(pixels[chosen], trial.options.augmentation, np.random.default_rng(0))
    for _, loss in step_losses(supernet, varied, labels, step, trial.options.label_smoothing):
        loss.backward()
    optimizer.step(trial.options.learning_rate)
    optimizer.forget_gradients()
    return _Seconds(time.perf_counter() - wall, time.process_time() - cpu)


def _score_batch(
    trial: Trial, supernet: Supernet, sample: _Sample, architecture: Architecture, images: int
) -> float:
    pixels = sample[resolution(trial.space, architecture)]
    chosen = pixels[np.arange(images) % len(pixels)]
    started = time.perf_counter()
    recalibrate(supernet, architecture, chosen, trial.options.augmentation, 0)
    return time.perf_counter() - started


def _work(space: SearchSpace, subnets: tuple[Architecture, ...], images: int) -> tuple[float, float]:
    macs = sum(spec.macs for architecture in subnets for spec in layers(space, architecture))
    return float(len(subnets)), float(macs) * images / 1e9


def _fit(work: FloatArray, seconds: FloatArray, *, whole: bool) -> FloatArray:
    """Return the seconds of a unit of each kind of work.

    Args:
        work: Of what was timed, shape (n, 2).
        seconds: That it took, shape (n,).
        whole: Whether it was whole batches; of smaller ones all time counts as that of MACs, since what is
            fixed cannot be told from the rest.
    """
    coefficients, _ = scipy.optimize.nnls(work * np.array([whole, True]), seconds)
    return np.asarray(coefficients, dtype=np.float64)
