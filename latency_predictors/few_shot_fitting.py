"""Fitting the model of a device without a table on the whole networks that ran there.

The fit is non-negative least squares (Lawson and Hanson 1974) in relative error. The model is not linear
where starting and working overlap, but doubling all weights doubles it, so that t = Σ wₖ ∂t/∂wₖ (Euler):
Gauss and Newton's step is another non-negative fit, of t on the derivatives. How much they overlap is decided
by cross-validation, in favour of the plain sum.

Now and then a measurement is far too long, never far too short, and so few networks cannot outvote it:
residuals beyond 1.345 of their robust standard deviation weigh less, as Huber has it (Annals of Mathematical
Statistics 35, 1964).

The interval is a conformal one from cross-validated residuals, as in `fitting` (the jackknife of Barber et
al. 2021; with more than 20 networks Vovk's cross-conformal intervals, 2015), but of the networks that were
drawn at random alone: designed ones, and those that a search has chosen, are not exchangeable with others. It
holds for networks that are drawn as those were.

Exponents, the threshold of Huber and what `network_design` expects of products were settled on invented
devices (linear, overlapping, saturating; with and without outliers), not on published latencies.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import scipy
from numpy.typing import NDArray

from latency_predictors.error_report import form_errors
from latency_predictors.few_shot import FewShotModel, FewShotPoint, FewShotReport, latency_ms
from latency_predictors.fitting import LEVEL, conformal
from latency_predictors.network_design import MIN_NETWORKS
from latency_predictors.network_features import FEATURES, MACS, STEPS, WORK
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

OVERLAPS: Final = (1.0, 2.0, 4.0)
"""Exponents that are tried."""

MIN_DRAWN: Final = 3

_MAX_FOLDS: Final = 20
_FLOOR_SHARE: Final = 0.1  # no prediction below this share of the fastest network that was measured
_SEED: Final = 0
_NOTICEABLE: Final = 0.01  # an exponent has to lower the cross-validated error by this share of it
_HUBER: Final = 1.345  # 95 % as efficient as least squares where errors are normal
_NORMAL_MEDIAN: Final = 0.6745  # of |x|, for normal x: turns a median deviation into a standard one
_MIN_DEVIATION: Final = 1e-4  # below, all residuals count as nothing
_STEPS: Final = 30
_SETTLED: Final = 1e-4  # change of predictions, as a share


def fit_few_shot(points: Sequence[FewShotPoint], level: float = LEVEL) -> FewShotModel:
    """Return the model fitted on measured networks, with its points and its error report.

    Args:
        points: At least 6, at least 3 of them drawn at random.
        level: Nominal coverage of the interval.

    Raises:
        UsageError: `too_few_networks`, or `invalid_calibration` where a latency is not positive.
    """
    features = np.array([point.features for point in points], dtype=np.float64)
    measured = np.array([point.measured_ms for point in points], dtype=np.float64)
    drawn = np.array([point.drawn for point in points], dtype=bool)
    _check(measured, int(drawn.sum()))
    overlap, predicted = _choose_overlap(features, measured)
    repeat_rel_sd = math.sqrt(float(np.mean([point.rel_sd**2 for point in points])))
    residuals = np.abs(np.log(measured / predicted))[drawn]
    return FewShotModel(
        weights_ms=tuple(robust_weights(features, measured, overlap).tolist()),
        overlap=overlap,
        level=level,
        half_width=_half_width(residuals, level, repeat_rel_sd),
        lowest=tuple(features.min(axis=0).tolist()),
        highest=tuple(features.max(axis=0).tolist()),
        floor_ms=_FLOOR_SHARE * float(measured.min()),
        points=tuple(points),
        report=_report(features, measured, drawn, predicted, level, repeat_rel_sd).model_copy(
            update=_counts(points)
        ),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def refit_few_shot(model: FewShotModel, new: Sequence[FewShotPoint]) -> FewShotModel:
    """Return a model fitted on its own networks and on further ones, which count as chosen, not as drawn.

    One that is measured again replaces itself, unless it is suspect then and was not before; see
    `FewShotPoint.replacing` for what stays.
    """
    return fit_few_shot(_joined(model.points, new), model.level)


def fit_design(design: Sequence[FewShotPoint], known: FewShotModel) -> FewShotModel:
    """Return a model fitted on the networks of a design and on others that are known, as chosen ones.

    Args:
        design: Measured networks; which of them were drawn is what this design says.
        known: What was fitted there before. Networks whose features another version counted are left out.

    Raises:
        UsageError: As `fit_few_shot`.
    """
    chosen = [one.model_copy(update={"drawn": False}) for one in known.points]
    return fit_few_shot(_joined([one for one in chosen if len(one.features) == len(FEATURES)], design))


def _joined(known: Sequence[FewShotPoint], new: Sequence[FewShotPoint]) -> tuple[FewShotPoint, ...]:
    points = {point.digest: point for point in known}
    for point in new:
        before = points.get(point.digest)
        points[point.digest] = point if before is None else point.replacing(before)
    return tuple(points.values())


def robust_weights(features: FloatArray, measured_ms: FloatArray, overlap: float) -> FloatArray:
    """Return the non-negative weights of the model of least relative error, (p,), in milliseconds.

    Args:
        features: (m, p).
        measured_ms: (m,).
        overlap: The model's exponent.
    """
    weights = _equal_shares(features, measured_ms)
    trust = np.ones(len(measured_ms))
    predicted = latency_ms(features, weights, overlap)
    for _ in range(_STEPS):
        new = non_negative_weights(_slopes(features, weights, predicted, overlap), measured_ms, trust)
        # Half a step where the model is not linear: whole ones may swing for ever.
        weights = new if overlap == 1 else (weights + new) / 2
        before, predicted = predicted, latency_ms(features, weights, overlap)
        errors = np.abs(predicted / measured_ms - 1)
        deviation = max(float(np.median(errors)) / _NORMAL_MEDIAN, _MIN_DEVIATION)
        trust = np.minimum(1.0, _HUBER * deviation / np.maximum(errors, _MIN_DEVIATION))
        if np.abs(predicted / before - 1).max() < _SETTLED:
            break
    return weights


def non_negative_weights(
    rows: FloatArray, measured_ms: FloatArray, trust: FloatArray | None = None
) -> FloatArray:
    """Return the non-negative weights whose sum of rows has the least relative squared error, (p,).

    Args:
        rows: (m, p).
        measured_ms: (m,).
        trust: How much each network counts, (m,); all the same if not given.
    """
    root = np.sqrt(np.ones(len(rows)) if trust is None else trust)
    relative = rows / measured_ms[:, np.newaxis]
    scale = relative.mean(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    weights, _ = scipy.optimize.nnls(relative / scale * root[:, np.newaxis], root)
    return np.asarray(weights / scale, dtype=np.float64)


def _equal_shares(features: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the weights with which every feature that is there takes as much time as any other."""
    shares = (features / measured[:, np.newaxis]).mean(axis=0)
    present = shares > 0
    weights: FloatArray = np.where(present, 1.0 / (np.where(present, shares, 1.0) * present.sum()), 0.0)
    return weights


def _slopes(features: FloatArray, weights: FloatArray, predicted: FloatArray, overlap: float) -> FloatArray:
    """Return the derivatives of the model by its weights, (m, p)."""
    slopes = features.copy()
    for columns in (STEPS, WORK):
        part = features[:, columns] @ weights[columns]
        slopes[:, columns] *= ((part / predicted) ** (overlap - 1))[:, np.newaxis]
    return slopes


def _choose_overlap(features: FloatArray, measured: FloatArray) -> tuple[float, FloatArray]:
    """Return the exponent of least cross-validated error, and the predictions with it, (m,)."""
    best_error, best_overlap, best = math.inf, OVERLAPS[0], measured
    for overlap in OVERLAPS:
        predicted = _cross_validated(features, measured, overlap)
        error = float(np.mean(np.abs(np.log(measured / predicted))))
        if error < best_error * (1 - _NOTICEABLE):
            best_error, best_overlap, best = error, overlap, predicted
    return best_overlap, best


def _cross_validated(features: FloatArray, measured: FloatArray, overlap: float) -> FloatArray:
    """Return each network's prediction by a fit on others, (m,): all others where they are 20 or fewer."""
    folds = _folds(len(measured))
    predicted = np.empty_like(measured)
    for fold in range(folds.max() + 1):
        kept = folds != fold
        weights = robust_weights(features[kept], measured[kept], overlap)
        predicted[~kept] = latency_ms(features[~kept], weights, overlap)
    floored: FloatArray = np.maximum(predicted, _FLOOR_SHARE * measured.min())
    return floored


def _folds(m: int) -> IntArray:
    """Return the number of each network's fold, (m,)."""
    return np.random.default_rng(_SEED).permutation(m).astype(np.int64) % min(m, _MAX_FOLDS)


def _half_width(residuals: FloatArray, level: float, repeat_rel_sd: float) -> float:
    """Return the half width of the interval: never narrower than what repeating a measurement gives."""
    repeat = float(scipy.special.ndtri((1 + level) / 2)) * repeat_rel_sd
    return max(math.expm1(conformal(residuals, level, num_terms=1)), repeat)


def _report(
    features: FloatArray,
    measured: FloatArray,
    drawn: NDArray[np.bool_],
    predicted: FloatArray,
    level: float,
    repeat_rel_sd: float,
) -> FewShotReport:
    by_macs = np.zeros_like(features)
    by_macs[:, 0], by_macs[:, MACS[0]] = 1.0, features[:, MACS].sum(axis=1)
    from_macs = _cross_validated(by_macs, measured, overlap=1.0)
    residuals = np.abs(np.log(measured / predicted))[drawn]
    widths = np.array(
        [
            _half_width(np.delete(residuals, left_out), level, repeat_rel_sd)
            for left_out in range(len(residuals))
        ]
    )
    return FewShotReport(
        num_networks=len(measured),
        num_drawn=len(residuals),
        fitted=form_errors(predicted[drawn], measured[drawn]),
        macs=form_errors(from_macs[drawn], measured[drawn]),
        level=level,
        coverage=float((residuals <= np.log1p(widths)).mean()),
        median_half_width=float(np.median(widths)),
        repeat_rel_sd=repeat_rel_sd,
    )


def _counts(points: Sequence[FewShotPoint]) -> dict[str, int | float | None]:
    """Return what the report says of networks that searches verified, of suspect and of published ones."""
    verified = [point for point in points if point.predicted_ms is not None]
    inside = sum(point.as_predicted for point in verified)
    return {
        "num_verified": len(verified),
        "verified_coverage": inside / len(verified) if verified else None,
        "num_suspect": sum(point.suspect for point in points),
        "num_published": sum(point.published for point in points),
    }


def _check(measured: FloatArray, num_drawn: int) -> None:
    if len(measured) < MIN_NETWORKS or num_drawn < MIN_DRAWN:
        raise UsageError(
            "too_few_networks",
            f"{len(measured)} networks, {num_drawn} of them drawn at random, say too little: "
            f"measure at least {MIN_NETWORKS}, of which {MIN_DRAWN} are drawn",
        )
    if (measured <= 0).any():
        raise UsageError("invalid_calibration", "latencies have to be positive")
