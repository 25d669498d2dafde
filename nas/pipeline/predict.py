"""Phase `predict`: score sampled subnets and fit the accuracy predictors, one a fold."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from nas.accuracy_predictor import AccuracyPredictor, fit
from nas.data.dataset import Fold
from nas.evaluation import SubnetEvaluator
from nas.pipeline.context import PhaseContext
from nas.pipeline.options import augmentation_of
from nas.pipeline.train import NAME as TRAIN
from nas.pipeline.train import TrainDocument, load_trained
from nas.results import Document
from nas.store.run_folder import RunFolder
from nas.training.batch_norm import NUM_CALIBRATION_IMAGES, NUM_TRIAL_IMAGES
from nas.training.recipes import spread_architectures
from search_spaces.base import IntArray
from search_spaces.modules.supernet import Supernet
from search_spaces.sampling import as_architecture, largest, random_architectures, smallest

NAME: Final = "predict"
NUM_SUBNETS: Final = 100
"""Subnets that the accuracy predictors learn from, at first."""

BoolArray = NDArray[np.bool_]


class PredictDocument(Document):
    """How good the accuracy predictors are.

    Attributes:
        report: Of the first fold's predictor, on held-out subnets.
    """

    num_subnets: int
    report: dict[str, Any]


def run(ctx: PhaseContext) -> None:
    """Score subnets spread from small to large, and leave their answers and the report.

    The answers are kept beside the supernet too: another search on it scores nothing.
    """
    beside = RunFolder(ctx.run.load(TRAIN, TrainDocument).weights.parent)
    if not beside.has_arrays(NAME):
        archs = sampled_subnets(ctx)
        beside.save_arrays(NAME, archs=archs, correct=_score(ctx, archs))
    scored = beside.load_arrays(NAME)
    archs, correct = scored["archs"], scored["correct"]
    ctx.run.save_arrays(NAME, archs=archs, correct=correct)
    predictor = fit_fold(ctx, ctx.dataset.folds[0], archs, correct)
    ctx.run.save(NAME, PredictDocument(num_subnets=len(archs), report=dict(predictor.report)))


def _score(ctx: PhaseContext, archs: IntArray) -> BoolArray:
    evaluator = make_evaluator(ctx, load_trained(ctx), NUM_TRIAL_IMAGES)
    correct = []
    for number, row in enumerate(archs):
        correct.append(evaluator.correct(as_architecture(row), "validation"))
        ctx.progress.step(NAME, number + 1, len(archs))
    return np.array(correct)


def make_evaluator(
    ctx: PhaseContext, supernet: Supernet, num_calibration_images: int = NUM_CALIBRATION_IMAGES
) -> SubnetEvaluator:
    """Return what scores subnets of the search's supernet."""
    return SubnetEvaluator(
        supernet, ctx.dataset, ctx.spec.seed, augmentation_of(ctx.spec), num_calibration_images
    )


def sampled_subnets(ctx: PhaseContext) -> IntArray:
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
