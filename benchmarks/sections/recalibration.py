"""How much a subnet's accuracy depends on which images its batch-norm statistics come from."""

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.alone import Job, train_all
from benchmarks.sections.shapes_task import long_spec, open_task
from nas.evaluation import SubnetEvaluator
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of
from nas.training.batch_norm import recalibrate
from nas.training.recipes import spread_architectures
from nas.training.weights import load_supernet
from nas.training_options import NUM_CALIBRATION_IMAGES
from search_spaces.network import resolution
from search_spaces.sampling import as_architecture

NUM_SUBNETS: Final = 8
NUM_TRAIN: Final = 2 * NUM_CALIBRATION_IMAGES
EPOCHS: Final = 60
NUM_FEW: Final = 900


def run(home: Path, quick: bool) -> list[Figure]:
    """Recalibrate subnets twice, from disjoint training images, and score both on the test images."""
    spec = long_spec(0, EPOCHS, quick=quick)
    if not quick:
        dataset = spec.dataset.model_copy(update={"num_train": NUM_TRAIN})
        spec = spec.model_copy(update={"dataset": dataset})
    ctx = open_task(home, spec)
    (weights,) = train_all([Job("supernet", home, spec)])
    supernet = load_supernet(weights.path, ctx.space)
    evaluator = SubnetEvaluator(supernet, ctx.dataset, spec.seed, augmentation_of(spec))
    count = min(NUM_CALIBRATION_IMAGES, len(ctx.dataset.labels("train")) // 2)
    differences = _differences(ctx, evaluator, count)
    name = f"difference of two recalibrations from {count} disjoint images each"
    few = _differences(ctx, evaluator, min(NUM_FEW, count))
    return [
        Figure(
            f"{name}, median of {NUM_SUBNETS} subnets", float(np.median(differences)), "points", "<=", 0.2
        ),
        Figure(f"{name}, largest", max(differences), "points", "<=", 0.2, spread(differences)),
        Figure(
            f"the same from {min(NUM_FEW, count)} images each, as many as the demo has",
            float(np.median(few)),
            "points",
            detail=spread(few),
        ),
    ]


def _differences(ctx: PhaseContext, evaluator: SubnetEvaluator, count: int) -> list[float]:
    """Return by how many points the two accuracies of each subnet differ."""
    order = np.random.default_rng(0).permutation(len(ctx.dataset.labels("train")))
    differences = []
    for row in spread_architectures(ctx.space, NUM_SUBNETS, np.random.default_rng(0)):
        architecture = as_architecture(row)
        images = ctx.dataset.images("train", resolution(ctx.space, architecture))
        scores = []
        for half in (order[:count], order[count : 2 * count]):
            statistics = recalibrate(
                evaluator.supernet, architecture, images[half], augmentation_of(ctx.spec), ctx.spec.seed
            )
            scores.append(100 * float(evaluator.correct(architecture, "test", statistics).mean()))
        differences.append(abs(scores[0] - scores[1]))
    return differences
