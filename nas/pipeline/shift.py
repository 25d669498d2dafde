"""What int8 costs in accuracy, measured once for a supernet: networks exported and scored in both precisions.

Part of phase `predict`. The answers are kept with the supernet: another search on it measures nothing.
"""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import host_context
from latency_predictors.network_design import at_random, spread_by_cost
from latency_predictors.predictor import exact_cost
from nas.export.metadata import QUANTISER_VERSION
from nas.pipeline.amounts import NUM_PAIRED
from nas.pipeline.context import PhaseContext
from nas.pipeline.damage import kept_answers
from nas.pipeline.networks import exports
from nas.pipeline.train import TrainDocument
from nas.precision_shift import PairedAnswers
from nas.results import AccuracyShift
from nas.specs import Precision
from nas.tasks import WholeSpace
from search_spaces.base import IntArray, SearchSpace
from search_spaces.sampling import as_architecture


def answers_name(precision: Precision) -> str:
    """Return what the answers of a precision are kept under: another quantiser or runtime is asked anew."""
    return f"answers.{precision}.{QUANTISER_VERSION}.{host_context().runtime_version}"


def keep_paired_answers(
    ctx: PhaseContext, phase: str, supernet: TrainDocument, archs: IntArray, precision: Precision
) -> None:
    """Have networks scored in fp32 and another precision, unless that was done for this supernet; keep them.

    Args:
        ctx: The search.
        phase: Under whose name they are kept, and whose progress is told.
        supernet: Whose networks.
        archs: To choose from, (n, choices).
        precision: Beside fp32.
    """

    def make() -> dict[str, NDArray[Any]]:
        some = from_small_to_large(ctx.space, archs, NUM_PAIRED, ctx.spec.seed)
        return _scored(ctx, phase, supernet, some, precision)

    kept = kept_answers(ctx, supernet.id, answers_name(precision), make)
    ctx.run.save_arrays(f"{phase}.{precision}", **kept)


def paired_answers(ctx: PhaseContext, phase: str, precision: Precision) -> PairedAnswers | None:
    """Return what `keep_paired_answers` has kept; None for fp32."""
    if precision == "fp32":
        return None
    arrays = ctx.run.load_arrays(f"{phase}.{precision}")
    return PairedAnswers(arrays["before"], arrays["after"])


def shift_figure(answers: PairedAnswers, images: IntArray) -> AccuracyShift:
    """Return the shift as results show it.

    Args:
        answers: In both precisions.
        images: Positions of the images that it is stated for.
    """
    shift = answers.fit(images)
    return AccuracyShift(
        value=shift.mean,
        lower=shift.mean - shift.half_width,
        upper=shift.mean + shift.half_width,
        num_networks=shift.num_networks,
        num_images=shift.num_images,
    )


def from_small_to_large(space: SearchSpace, archs: IntArray, count: int, seed: int) -> IntArray:
    """Return some architectures, (count, choices), spread evenly in the logarithm of their work."""
    macs = exact_cost(space, "num_macs")(archs)
    return archs[spread_by_cost(macs, count, at_random(np.random.default_rng([seed, 2])))]


def _scored(
    ctx: PhaseContext, phase: str, supernet: TrainDocument, archs: IntArray, precision: Precision
) -> dict[str, NDArray[Any]]:
    before: dict[int, NDArray[np.bool_]] = {}
    after: dict[int, NDArray[np.bool_]] = {}
    architectures = tuple(as_architecture(row) for row in archs)
    with closing(exports(ctx, WholeSpace(), supernet.weights, architectures, precision)) as events:
        for event in events:
            assert event.unquantised is not None, "an int8 file comes with what it was before"
            before[event.index], after[event.index] = event.unquantised, event.correct
            ctx.progress.step(phase, len(after), len(archs), f"scoring in {precision}")
    return {"archs": archs, "before": _in_order(before.items()), "after": _in_order(after.items())}


def _in_order(answers: Iterable[tuple[int, NDArray[np.bool_]]]) -> NDArray[np.bool_]:
    return np.array([correct for _, correct in sorted(answers, key=lambda item: item[0])])
