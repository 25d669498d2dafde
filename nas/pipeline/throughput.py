"""How fast this machine trains and scores the subnets of a space: a few real steps, timed.

A step lasts `fixed * subnets + per_mac * MACs * images` seconds. A dozen steps suffice to fit that, and
mean over what a recipe will draw then costs arithmetic only.
"""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from scipy.optimize import nnls

from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of, options_of, recipe_of
from nas.training.augment import augment
from nas.training.batch_norm import recalibrate
from nas.training.recipes import Step, spread_architectures
from nas.training.trainer import make_optimizer, step_losses
from search_spaces.base import Architecture, FloatArray, SearchSpace
from search_spaces.modules.supernet import Supernet
from search_spaces.network import layers, resolution
from search_spaces.sampling import as_architecture, largest, smallest

_TIMED_STEPS: Final = 12
_TIMED_SUBNETS: Final = 6
_DRAWN: Final = 400
_SCORED: Final = 256


@dataclass(frozen=True)
class Throughput:
    """Seconds of this machine.

    Attributes:
        step_s: Mean training step of the recipe.
        image_s: Mean inference of one image by a subnet in torch, subnets spread from small to large.
    """

    step_s: float
    image_s: float


def measure_throughput(ctx: PhaseContext) -> Throughput:
    """Time a few training steps and inferences on the real images; nothing of it is kept."""
    supernet = Supernet(ctx.space, ctx.spec.seed).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Throughput(_mean_step(ctx, supernet), _mean_inference(ctx, supernet))


def _mean_step(ctx: PhaseContext, supernet: Supernet) -> float:
    recipe = recipe_of(ctx.spec)
    batch = options_of(ctx.spec, epochs=1).batch_size
    drawn = [recipe.step(ctx.space, n, np.random.default_rng([ctx.spec.seed, n])) for n in range(_DRAWN)]
    work = np.array([_work(ctx.space, step.subnets, batch) for step in drawn])
    # The first extremes of the recipe and the steps after them; two rounds before anything counts.
    timed = list(range(_TIMED_STEPS))
    for number in timed[:2]:
        train_step(ctx, supernet, drawn[number], batch)
    seconds = np.array([train_step(ctx, supernet, drawn[number], batch) for number in timed])
    return float((work @ _fit(work[timed], seconds)).mean())


def _mean_inference(ctx: PhaseContext, supernet: Supernet) -> float:
    rng = np.random.default_rng(ctx.spec.seed)
    drawn = spread_architectures(ctx.space, _DRAWN, rng)
    ends = [as_architecture(row) for row in (smallest(ctx.space)[0], largest(ctx.space)[0])]
    timed = [*ends, *(as_architecture(row) for row in drawn[:_TIMED_SUBNETS])]
    seconds = np.array([_score_batch(ctx, supernet, architecture) for architecture in timed])
    work = np.array([_work(ctx.space, (architecture,), _SCORED) for architecture in timed])
    everyone = np.array([_work(ctx.space, (as_architecture(row),), _SCORED) for row in drawn])
    return float((everyone @ _fit(work, seconds)).mean()) / _SCORED


def train_step(ctx: PhaseContext, supernet: Supernet, step: Step, batch: int) -> float:
    """Train one step on the first images; return its seconds. The weights are not the worse for it."""
    optimizer = make_optimizer(supernet, options_of(ctx.spec, epochs=1))
    pixels = ctx.dataset.images("train", resolution(ctx.space, step.subnets[0]))
    chosen = np.arange(batch) % len(pixels)
    labels = torch.from_numpy(ctx.dataset.labels("train")[chosen])
    started = time.perf_counter()
    images = augment(pixels[chosen], augmentation_of(ctx.spec), np.random.default_rng(0))
    for _, loss in step_losses(supernet, images, labels, step, 0.0):
        loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    optimizer.zero_grad()
    return time.perf_counter() - started


def _score_batch(ctx: PhaseContext, supernet: Supernet, architecture: Architecture) -> float:
    pixels = ctx.dataset.images("train", resolution(ctx.space, architecture))
    chosen = pixels[np.arange(_SCORED) % len(pixels)]
    times = []
    for _ in range(2):
        started = time.perf_counter()
        recalibrate(supernet, architecture, chosen, augmentation_of(ctx.spec), 0)
        times.append(time.perf_counter() - started)
    return min(times)


def _work(space: SearchSpace, subnets: tuple[Architecture, ...], images: int) -> tuple[float, float]:
    macs = sum(spec.macs for architecture in subnets for spec in layers(space, architecture))
    return float(len(subnets)), float(macs) * images / 1e9


def _fit(work: FloatArray, seconds: FloatArray) -> FloatArray:
    return nnls(work, seconds)[0]
