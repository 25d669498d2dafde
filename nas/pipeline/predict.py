"""Phase `predict`: score sampled subnets, and report how well they predict the accuracy of others.

Predictors are fitted for fp32 alone. For targets of another precision, some networks are scored in that too.
"""

from contextlib import closing
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.accuracy_predictor import AccuracyPredictor, fit, report_of_fit
from nas.data.dataset import Fold
from nas.pipeline.amounts import NUM_SUBNETS
from nas.pipeline.context import Done, PhaseContext, SearchContext
from nas.pipeline.damage import kept_answers
from nas.pipeline.options import augmentation_of, quantised_precisions
from nas.pipeline.shift import keep_paired_answers
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument
from nas.results import Document
from nas.task_events import SubnetScored
from nas.tasks import ScoreSubnets
from nas.training.recipes import spread_architectures
from search_spaces.base import IntArray
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest

NAME: Final = "predict"

BoolArray = NDArray[np.bool_]


class PredictDocument(Document):
    """How good the accuracy predictors are.

    Attributes:
        report: Of the first fold's predictor, on held-out subnets.
    """

    num_subnets: int
    report: dict[str, Any]


def run(ctx: PhaseContext) -> Done:
    """Score subnets spread from small to large, and leave their answers and the report.

    The answers are kept with the supernet too: another search on it scores nothing.
    """
    supernet = ctx.run.load(TRAIN, TrainDocument)
    scored = kept_answers(ctx, supernet.id, "answers", partial(_answers, ctx, supernet))
    archs, correct = scored["archs"], scored["correct"]
    ctx.run.save_arrays(NAME, archs=archs, correct=correct)
    for precision in quantised_precisions(ctx.spec):
        keep_paired_answers(ctx, NAME, supernet, archs, precision)
    seen = correct[:, ctx.dataset.folds[0].select]
    report = report_of_fit(ctx.space, archs, seen.mean(axis=1), seen.shape[1])
    ctx.run.save(NAME, PredictDocument(num_subnets=len(archs), report=dict(report)))
    return Done()


def _answers(ctx: PhaseContext, supernet: TrainDocument) -> dict[str, NDArray[Any]]:
    archs = sampled_subnets(ctx)
    return {"archs": archs, "correct": _score(ctx, supernet, archs)}


def _score(ctx: PhaseContext, supernet: TrainDocument, archs: IntArray) -> BoolArray:
    task = ScoreSubnets(
        ctx.inputs,
        supernet.weights,
        tuple(as_architecture(row) for row in archs),
        "validation",
        ctx.spec.seed,
        augmentation_of(ctx.spec),
    )
    correct: dict[int, BoolArray] = {}
    with closing(ctx.compute.run(task)) as events:
        for event in events:
            if isinstance(event, SubnetScored):
                correct[event.index] = event.correct
                ctx.progress.step(NAME, len(correct), len(archs))
    return np.array([correct[index] for index in range(len(archs))])


def sampled_subnets(ctx: SearchContext) -> IntArray:
    """Return distinct architectures: both ends of the space, then half spread by size, half uniform."""
    rng = np.random.default_rng([ctx.spec.seed, 1])
    drawn = [
        smallest(ctx.space),
        largest(ctx.space),
        spread_architectures(ctx.space, NUM_SUBNETS, rng),
        random_architectures(ctx.space, NUM_SUBNETS, rng),
    ]
    mixed = np.concatenate([*drawn[:2], np.stack(drawn[2:], axis=1).reshape(-1, len(ctx.space.choices))])
    _, first = np.unique(mixed, axis=0, return_index=True)
    return mixed[np.sort(first)[:NUM_SUBNETS]]


def fit_fold(ctx: PhaseContext, fold: Fold, archs: IntArray, correct: BoolArray) -> AccuracyPredictor:
    """Fit the predictor that may only see a fold's `select` images.

    Args:
        ctx: The search.
        fold: Which validation images may be seen.
        archs: Scored architectures, (n, choices).
        correct: Their answers on all validation images, (n, images).
    """
    seen = correct[:, fold.select]
    return fit(ctx.space, archs, seen.mean(axis=1), seen.shape[1])
