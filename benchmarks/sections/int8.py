"""Accuracy in int8, predicted against exported and scored: networks that no predictor has seen.

Predicted is what a search predicts: fitted to subnets scored in fp32 on the `select` images, moved by the
shift that 24 other networks showed there. Scored are the int8 files on the `confirm` images. The fp32
prediction without the shift stands beside.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.lab import open_lab
from benchmarks.sections.shapes_task import shapes_spec
from nas.accuracy_predictor import Prediction
from nas.pipeline import predict, train
from nas.pipeline.context import PhaseContext
from nas.pipeline.networks import export_subnets
from nas.pipeline.predict import fit_fold
from nas.pipeline.shift import from_small_to_large, paired_answers
from nas.pipeline.train import TrainDocument
from nas.precision_shift import ShiftedPredictor
from nas.specs import ContextSpec, SearchSpec, TargetSpec
from nas.training.recipes import spread_architectures
from search_spaces.base import FloatArray, IntArray
from search_spaces.sampling import as_architecture

NUM_NETWORKS: Final = 20
"""Unseen, of each supernet."""

NUM_SEEDS: Final = 3
QUICK_EPOCHS: Final = 12

_POOL: Final = 400


@dataclass(frozen=True)
class Compared:
    """Unseen networks of one supernet.

    Attributes:
        scored: Accuracies of their int8 files, (n,).
        fp32: Accuracies of the same networks as fp32 files, (n,).
        predicted: What was predicted of the int8 files.
        unshifted: The fp32 prediction as it is.
    """

    scored: FloatArray
    fp32: FloatArray
    predicted: Prediction
    unshifted: Prediction


def run(home: Path, quick: bool) -> list[Figure]:
    """Train supernets, predict, export, score; figures are pooled over them."""
    found = [_compared(home, _spec(seed, quick=quick)) for seed in range(1 if quick else NUM_SEEDS)]
    inside = [_inside(one.predicted, one.scored) for one in found]
    unshifted = [_inside(one.unshifted, one.scored) for one in found]
    errors = _points([np.abs(one.predicted.point - one.scored) for one in found])
    bare = _points([np.abs(one.unshifted.point - one.scored) for one in found])
    shifts = _points([one.scored - one.fp32 for one in found])
    widths = _points([one.predicted.upper - one.predicted.lower for one in found])
    count = sum(len(one.scored) for one in found)
    by_supernet = ", ".join(f"{100 * float(np.mean(one)):.0f}" for one in inside)
    name = "int8 accuracies inside the stated interval"
    return [
        Figure(name, _share(inside), "%", ">=", 85.0, f"{count} unseen networks; by supernet {by_supernet}"),
        Figure("the same with the fp32 prediction", _share(unshifted), "%"),
        Figure("error of the int8 prediction", float(np.mean(errors)), "points", detail=spread(errors)),
        Figure("error of the fp32 prediction for int8", float(np.mean(bare)), "points", detail=spread(bare)),
        Figure("width of the interval", float(np.mean(widths)), "points", detail=spread(widths)),
        Figure("int8 against fp32, same network", float(np.mean(shifts)), "points", detail=spread(shifts)),
    ]


def _spec(seed: int, *, quick: bool) -> SearchSpec:
    spec = shapes_spec(seed, quick=quick)
    changes: dict[str, object] = {"targets": (TargetSpec(context=ContextSpec(precision="int8")),)}
    if quick:
        changes["supernet"] = spec.supernet.model_copy(update={"epochs": QUICK_EPOCHS})
    return spec.model_copy(update=changes)


def _compared(home: Path, spec: SearchSpec) -> Compared:
    ctx = open_lab(home, spec)
    print(f"int8, supernet {spec.seed}", file=sys.stderr)
    train.run(ctx, lambda _: spec.supernet.epochs or 1)
    predict.run(ctx)
    learnt = ctx.run.load_arrays(predict.NAME)
    (fold,) = ctx.dataset.folds
    fp32 = fit_fold(ctx, fold, learnt["archs"], learnt["correct"])
    paired = paired_answers(ctx, predict.NAME, "int8")
    assert paired is not None, "phase predict has scored in int8"
    predictor = ShiftedPredictor(fp32, paired.fit(fold.select))
    archs = _unseen(ctx, learnt["archs"])
    weights = ctx.run.load(train.NAME, TrainDocument).weights
    files = export_subnets(ctx, weights, [as_architecture(row) for row in archs], 0, "int8")
    return Compared(
        scored=np.array([one.correct[fold.confirm].mean() for one in files]),
        fp32=np.array([one.fp32_correct[fold.confirm].mean() for one in files]),
        predicted=predictor.predict_elsewhere(archs, len(fold.confirm)),
        unshifted=fp32.predict_elsewhere(archs, len(fold.confirm)),
    )


def _unseen(ctx: PhaseContext, seen: IntArray) -> IntArray:
    """Return architectures from small to large that were not scored."""
    rng = np.random.default_rng([ctx.spec.seed, 20_26])
    pool = np.unique(spread_architectures(ctx.space, _POOL, rng), axis=0)
    known = {row.tobytes() for row in seen}
    unseen = np.array([row for row in pool if row.tobytes() not in known])
    return from_small_to_large(ctx.space, unseen, NUM_NETWORKS, ctx.spec.seed)


def _inside(predicted: Prediction, scored: FloatArray) -> FloatArray:
    inside: FloatArray = ((predicted.lower <= scored) & (scored <= predicted.upper)).astype(np.float64)
    return inside


def _points(shares: list[FloatArray]) -> list[float]:
    return [100 * float(share) for one in shares for share in one]


def _share(inside: list[FloatArray]) -> float:
    return 100 * float(np.mean(np.concatenate(inside)))
