"""Predicts the accuracy of subnets from scored ones, with intervals and a report on held-out subnets."""

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypedDict

import numpy as np
import scipy  # its parts are loaded where they are first used: scipy.stats takes most of a second

from nas.accuracy_models import MODEL_KINDS, AccuracyModel, ModelFitter
from nas.accuracy_scale import Scale
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.errors import UsageError

LEVEL: Final = 0.9
"""Share of new subnets whose scored accuracy lies in the interval."""

NORMAL_QUANTILE: Final = 1.645
"""Standard deviations from the mean within which a normal variable stays with that probability."""

MIN_SUBNETS: Final = 10
"""Fewer leave-one-out residuals give no interval of that level."""

NUM_FOLDS: Final = 5
"""Of the held-out report: a fifth of the subnets at a time is predicted by models that never saw them."""


class Prediction(NamedTuple):
    """Predicted accuracies, 0 to 1, and their intervals, each of shape (n,)."""

    point: FloatArray
    lower: FloatArray
    upper: FloatArray


class AccuracyReport(TypedDict):
    """How good a predictor is.

    Correlations, errors, coverage and width are of held-out subnets (cross-validation that repeats the choice
    of the model); correlations are None where predicted or scored accuracies are all equal. `binomial_std` is
    the standard deviation of one subnet's accuracy that comes from counting on so few images; subnets share
    the images, so that they may differ from each other by less. `candidates` holds the mean absolute
    leave-one-out error of each model.
    """

    num_subnets: int
    num_images: int
    model: str
    spearman: float | None
    kendall_tau: float | None
    mean_abs_error: float
    coverage: float
    level: float
    mean_interval_width: float
    binomial_std: float
    candidates: dict[str, float]


@dataclass(frozen=True)
class AccuracyPredictor:
    """Predicts accuracy: a model with its scale and interval; evaluated with numpy alone.

    Attributes:
        model: Gives values on the scale.
        scale: Turns them into accuracies.
        model_variance: What the model leaves unexplained beside counting, on the scale.
        quantile: Half width of the interval in standard deviations of a new score.
    """

    model: AccuracyModel
    scale: Scale
    model_variance: float
    quantile: float

    def predict(self, archs: IntArray) -> Prediction:
        """Return accuracies as they would be scored on the same images as the subnets that were fitted.

        Args:
            archs: Canonical architectures, shape (n, num_choices).
        """
        value = self.model(archs)
        return self._around(value, self.quantile**2 * (self.model_variance + self.scale.variance(value)))

    def predict_elsewhere(self, archs: IntArray, num_images: int, num_shared: int = 0) -> Prediction:
        """Return accuracies as they would be scored on `num_images` other images.

        What the images of the fit have in common counts too then: how easy they happen to be shifts every
        accuracy alike, so that subnets that were left out do not show it. The difference of two means varies
        as counting does on both samples, less what the samples share.

        Args:
            archs: Canonical architectures, shape (n, num_choices).
            num_images: Of the other sample.
            num_shared: Those of them that the scored subnets were scored on too.
        """
        value = self.model(archs)
        counting = self.scale.variance(value)
        shift = counting * (1.0 + (self.scale.num_images - 2.0 * num_shared) / num_images)
        squared = self.quantile**2 * (self.model_variance + counting) + NORMAL_QUANTILE**2 * shift
        return self._around(value, squared)

    def _around(self, value: FloatArray, squared_half: FloatArray) -> Prediction:
        half = np.sqrt(squared_half)
        ends = (value, value - half, value + half)
        return Prediction(*(self.scale.backward(end) for end in ends))


def fit(space: SearchSpace, archs: IntArray, accuracies: FloatArray, num_images: int) -> AccuracyPredictor:
    """Fit all kinds of models on both scales and keep the one with the smallest leave-one-out error.

    Args:
        space: Of the architectures.
        archs: Canonical architectures, distinct, shape (m, num_choices).
        accuracies: Their shares of right answers, 0 to 1, shape (m,).
        num_images: On which each was scored.

    Raises:
        UsageError: `too_few_subnets`, `invalid_accuracy`.
    """
    _check(archs, accuracies)
    return _best(space, archs, accuracies, num_images)[0]


def report_of_fit(
    space: SearchSpace, archs: IntArray, accuracies: FloatArray, num_images: int
) -> AccuracyReport:
    """Return how good the predictor is that `fit` gives for the same arguments; takes six times as long.

    Raises:
        UsageError: As `fit`.
    """
    _check(archs, accuracies)
    held_out = Prediction(*np.empty((3, len(archs))))
    for fold in range(NUM_FOLDS):
        # By position: the order of the subnets is the caller's random draw.
        out = np.arange(len(archs)) % NUM_FOLDS == fold
        other, _ = _best(space, archs[~out], accuracies[~out], num_images)
        for part, predicted in zip(held_out, other.predict(archs[out]), strict=True):
            part[out] = predicted
    _, errors = _best(space, archs, accuracies, num_images)
    return _report(held_out, accuracies, num_images, min(errors, key=lambda name: errors[name]), errors)


def _check(archs: IntArray, accuracies: FloatArray) -> None:
    if len(archs) < MIN_SUBNETS:
        raise UsageError(
            "too_few_subnets",
            f"{len(archs)} scored subnets; the accuracy predictor needs {MIN_SUBNETS} or more",
        )
    if not np.all((accuracies >= 0.0) & (accuracies <= 1.0)):
        raise UsageError("invalid_accuracy", "accuracies are shares of right answers, from 0 to 1")


def _best(
    space: SearchSpace, archs: IntArray, accuracies: FloatArray, num_images: int
) -> tuple[AccuracyPredictor, dict[str, float]]:
    """Return the model with the smallest mean absolute leave-one-out error, and the errors of all by name."""
    fitter = ModelFitter(space, archs)
    models: dict[str, AccuracyPredictor] = {}
    errors: dict[str, float] = {}
    for scale in (Scale(False, num_images), Scale(True, num_images)):
        counting = scale.variance(scale.forward(accuracies))
        model_variance = _model_variance(fitter, scale.forward(accuracies), counting)
        for kind in MODEL_KINDS:
            name = f"{kind.name}_{'logistic' if scale.logistic else 'plain'}"
            values = scale.forward(accuracies)
            model, residuals = fitter.fit(kind, values, 1.0 / (model_variance + counting))
            left_out = values - residuals
            deviation = np.sqrt(model_variance + scale.variance(left_out))
            quantile = conformal_quantile(np.abs(residuals) / deviation, LEVEL)
            models[name] = AccuracyPredictor(model, scale, model_variance, quantile)
            errors[name] = float(np.mean(np.abs(scale.backward(left_out) - accuracies)))
    return models[min(errors, key=lambda name: errors[name])], errors


def _model_variance(fitter: ModelFitter, values: FloatArray, counting: FloatArray) -> float:
    """Return what the additive model leaves unexplained beside the variance of counting (method of moments).

    Subnets are scored on the same images, so that their counts vary less against each other than binomial
    draws: at least a tenth of the squared error counts as the model's.
    """
    _, residuals = fitter.fit(MODEL_KINDS[0], values, np.ones(len(values)))
    squared = float(np.mean(residuals**2))
    return max(squared - float(np.mean(counting)), 0.1 * squared, float(np.finfo(np.float64).tiny))


def conformal_quantile(scores: FloatArray, level: float) -> float:
    """Return the score that a new one exceeds with probability 1 - level at most (Lei et al. 2018).

    That is the one of rank ceil((m + 1) level) among m; the largest, where m is too small for the level.
    """
    rank = math.ceil(round((len(scores) + 1) * level, 9))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def _report(
    held_out: Prediction, accuracies: FloatArray, num_images: int, model: str, candidates: dict[str, float]
) -> AccuracyReport:
    constant = np.ptp(accuracies) == 0.0 or np.ptp(held_out.point) == 0.0
    covered = (held_out.lower <= accuracies) & (accuracies <= held_out.upper)
    return AccuracyReport(
        num_subnets=len(accuracies),
        num_images=num_images,
        model=model,
        spearman=None if constant else float(scipy.stats.spearmanr(held_out.point, accuracies).statistic),
        kendall_tau=None if constant else float(scipy.stats.kendalltau(held_out.point, accuracies).statistic),
        mean_abs_error=float(np.mean(np.abs(held_out.point - accuracies))),
        coverage=float(np.mean(covered)),
        level=LEVEL,
        mean_interval_width=float(np.mean(held_out.upper - held_out.lower)),
        binomial_std=float(np.mean(np.sqrt(accuracies * (1.0 - accuracies) / num_images))),
        candidates=candidates,
    )
