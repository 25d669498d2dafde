"""Fitting the correction of summed tables on whole networks, and saying how good it is.

The sum S of lone layers is a biased estimate of a network's latency t. With L layers,

    t = a S + b - c L,   a, b, c >= 0,

where b is what an inference costs beside its layers and c what a lone layer pays for being called alone (its
own call, its own conversion of layout). The fit is non-negative least squares (Lawson and Hanson 1974) in
relative error; which terms stand in it is decided by leave-one-out. The interval is a conformal one (Vovk et
al. 2005) from leave-one-out residuals with the finite-sample rank ceil((m + 1) level).
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri, stdtrit

from latency_predictors.correction import CalibrationPoint, Correction, ErrorReport, FormErrors, Hull, Term
from search_spaces.base import FloatArray, IntArray
from search_spaces.errors import UsageError

LEVEL = 0.9
"""Nominal coverage of the intervals."""

MIN_NETWORKS = 3
UNCHECKED_HALF_WIDTH = 1.0
"""Of a bare sum that no network was measured for: it has been seen a half too high on small images."""

_FORMS: tuple[tuple[Term, ...], ...] = (("a",), ("a", "b"), ("a", "c"), ("a", "b", "c"))
_FLOOR_SHARE = 0.1  # no prediction below this share of the fastest network that was measured
_NOTICEABLE = 0.01  # a term has to lower the leave-one-out error by this share of it
_ROUNDING = 1e-9


def calibrate(points: Sequence[CalibrationPoint], level: float = LEVEL) -> Correction:
    """Return the correction fitted on measured networks, with its points and its error report."""
    sums, layers, macs, measured = _columns(points)
    repeat = _pooled([point.rel_sd for point in points])
    correction = fit_correction(sums, layers, measured, level=level, repeat_rel_sd=repeat)
    report = error_report(sums, layers, measured, macs, level=level, repeat_rel_sd=repeat)
    return correction.model_copy(
        update={
            "points": tuple(points),
            "report": report,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def refit(correction: Correction, new: Sequence[CalibrationPoint]) -> Correction:
    """Return a correction fitted on the old points and new ones; a network measured again replaces itself."""
    points = {point.digest: point for point in (*correction.points, *new)}
    return calibrate(tuple(points.values()), correction.level)


def fit_correction(
    sums_ms: FloatArray,
    num_layers: FloatArray | IntArray,
    measured_ms: FloatArray,
    *,
    level: float = LEVEL,
    repeat_rel_sd: float = 0.0,
) -> Correction:
    """Fit the correction on m networks; with fewer than three it is the bare sum, labelled and wide.

    Args:
        sums_ms: Sums of the layers' entries, (m,).
        num_layers: Numbers of layers, (m,).
        measured_ms: Measured latencies, (m,).
        level: Nominal coverage of the interval.
        repeat_rel_sd: Spread of a network between sessions, as a share: the interval is never narrower than
            what repeating a measurement gives.

    Raises:
        UsageError: `invalid_calibration` where a value is not positive.
    """
    sums, layers, measured = (np.asarray(v, dtype=np.float64) for v in (sums_ms, num_layers, measured_ms))
    if not (len(sums) == len(layers) == len(measured)) or min(map(_least, (sums, layers, measured))) <= 0:
        raise UsageError("invalid_calibration", "sums, numbers of layers and latencies have to be positive")
    floor_ms = _FLOOR_SHARE * float(measured.min()) if len(measured) else 0.0
    if len(measured) < MIN_NETWORKS:
        return _unchecked(level, floor_ms)
    terms, residuals = _choose_terms(sums, layers, measured)
    coefficients = dict(zip(terms, _fit(_design(sums, layers, terms), measured), strict=True))
    conformal = _conformal(residuals, level, num_terms=len(terms))
    repeat = float(ndtri((1 + level) / 2)) * repeat_rel_sd
    return Correction(
        terms=terms,
        a=float(coefficients["a"]),
        b=float(coefficients.get("b", 0.0)),
        c=float(coefficients.get("c", 0.0)),
        level=level,
        half_width=max(math.expm1(conformal), repeat),
        hull=Hull(
            min_sum_ms=float(sums.min()),
            max_sum_ms=float(sums.max()),
            min_layers=int(layers.min()),
            max_layers=int(layers.max()),
        ),
        floor_ms=floor_ms,
        kind="table",
    )


def error_report(
    sums_ms: FloatArray,
    num_layers: FloatArray | IntArray,
    measured_ms: FloatArray,
    num_macs: FloatArray | IntArray,
    *,
    level: float = LEVEL,
    repeat_rel_sd: float = 0.0,
) -> ErrorReport | None:
    """Return leave-one-out errors of the bare sum, the fits and MACs; None with fewer than four networks."""
    sums, layers, macs, measured = (
        np.asarray(values, dtype=np.float64) for values in (sums_ms, num_layers, num_macs, measured_ms)
    )
    m = len(measured)
    if m <= MIN_NETWORKS:
        return None
    predicted, factors = np.empty(m), np.empty(m)
    for left_out, kept in _folds(m):
        fold = fit_correction(
            sums[kept], layers[kept], measured[kept], level=level, repeat_rel_sd=repeat_rel_sd
        )
        one = slice(left_out, left_out + 1)
        predicted[one] = fold.point(sums[one], layers[one])
        factors[one] = fold.factor(sums[one], layers[one])
    affine = _leave_one_out(_design(sums, layers, ("a", "b")), measured)
    by_macs = _leave_one_out(_design(macs, layers, ("a", "b")), measured)
    inside = (predicted / factors <= measured) & (measured <= predicted * factors)
    return ErrorReport(
        num_networks=m,
        bare_sum=form_errors(sums, measured),
        affine=form_errors(affine, measured),
        corrected=form_errors(predicted, measured),
        macs=form_errors(by_macs, measured),
        level=level,
        coverage=float(inside.mean()),
        median_half_width=float(np.median(factors)) - 1.0,
        repeat_rel_sd=repeat_rel_sd,
    )


def form_errors(predicted_ms: FloatArray, measured_ms: FloatArray) -> FormErrors:
    """Return the errors of predictions of networks, both (n,)."""
    errors = np.abs(predicted_ms / measured_ms - 1.0)
    return FormErrors(
        mape=float(errors.mean()),
        median_error=float(np.median(errors)),
        within_5=float((errors <= 0.05).mean()),
        spearman=spearman(predicted_ms, measured_ms),
    )


def spearman(first: FloatArray, second: FloatArray) -> float:
    """Return the rank correlation, ties at their mean rank; 0 where one of the two is constant."""
    x, y = (ranks - ranks.mean() for ranks in (_ranks(first), _ranks(second)))
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale else 0.0


def spread_by_cost(costs: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """Choose networks to calibrate on: the cheapest, the dearest, and one at random of each stratum between.

    Strata are equally wide in the logarithm of the cost, so that errors at both ends count alike; where one
    is empty, the candidate nearest to its middle is taken.

    Args:
        costs: Predicted costs of the candidates, positive, (n,).
        count: How many to choose.
        rng: Source of randomness.

    Returns:
        Distinct positions of the chosen, from cheap to dear, (min(count, n),).
    """
    logs = np.log(np.asarray(costs, dtype=np.float64))
    if count >= len(logs):
        return np.argsort(logs, kind="stable").astype(np.int64)
    chosen = [int(np.argmin(logs)), int(np.argmax(logs))][:count]
    edges = np.linspace(logs.min(), logs.max(), max(count - 2, 0) + 1)
    for low, high in pairwise(edges):
        free = np.setdiff1d(np.arange(len(logs)), chosen)
        inside = free[(logs[free] >= low) & (logs[free] <= high)]
        nearest = free[np.argmin(np.abs(logs[free] - (low + high) / 2))]
        chosen.append(int(rng.choice(inside)) if len(inside) else int(nearest))
    return np.array(sorted(chosen, key=lambda i: logs[i]), dtype=np.int64)


def _columns(points: Sequence[CalibrationPoint]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    rows = [(point.sum_ms, point.num_layers, point.num_macs, point.measured_ms) for point in points]
    sums, layers, macs, measured = np.array(rows, dtype=np.float64).reshape(-1, 4).T
    return sums, layers, macs, measured


def _pooled(spreads: Sequence[float]) -> float:
    return math.sqrt(float(np.mean(np.square(spreads)))) if spreads else 0.0


def _least(values: FloatArray) -> float:
    return float(values.min()) if values.size else math.inf


def _unchecked(level: float, floor_ms: float) -> Correction:
    return Correction(
        terms=(),
        a=1.0,
        b=0.0,
        c=0.0,
        level=level,
        half_width=UNCHECKED_HALF_WIDTH,
        hull=None,
        floor_ms=floor_ms,
        kind="modelled",
    )


def _design(sums: FloatArray, layers: FloatArray, terms: Sequence[Term]) -> FloatArray:
    columns: dict[Term, FloatArray] = {"a": sums, "b": np.ones_like(sums), "c": -layers}
    return np.stack([columns[term] for term in terms], axis=1)


def _fit(design: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the non-negative coefficients of least relative error."""
    coefficients, _ = nnls(design / measured[:, np.newaxis], np.ones(len(measured)))
    return np.asarray(coefficients, dtype=np.float64)


def _folds(m: int) -> list[tuple[int, NDArray[np.bool_]]]:
    return [(left_out, np.arange(m) != left_out) for left_out in range(m)]


def _leave_one_out(design: FloatArray, measured: FloatArray) -> FloatArray:
    """Return the prediction of each network by a fit on the others, (m,)."""
    return np.array([design[i] @ _fit(design[kept], measured[kept]) for i, kept in _folds(len(measured))])


def _choose_terms(
    sums: FloatArray, layers: FloatArray, measured: FloatArray
) -> tuple[tuple[Term, ...], FloatArray]:
    """Return the terms with the least leave-one-out error, and |log residuals| with them, (m,).

    A form needs two networks a term and one more, and has to beat those with fewer terms noticeably.
    """
    floor = _FLOOR_SHARE * measured.min()
    best_error, best_terms, best = math.inf, _FORMS[0], measured
    for terms in _FORMS:
        if 2 * len(terms) + 1 > len(measured):
            continue
        predicted = np.maximum(_leave_one_out(_design(sums, layers, terms), measured), floor)
        error = float(np.mean(np.abs(predicted / measured - 1.0)))
        if error < best_error - max(_NOTICEABLE * error, _ROUNDING):
            best_error, best_terms, best = error, terms, predicted
    return best_terms, np.abs(np.log(measured / best))


def _conformal(residuals: FloatArray, level: float, num_terms: int) -> float:
    """Return the quantile of residuals that covers the next one with the given probability.

    With too few residuals for the finite-sample rank, the largest says too little: the t quantile times
    their root mean square is taken where it is larger.
    """
    m = len(residuals)
    rank = math.ceil((m + 1) * level - 1e-9)
    if rank <= m:
        return float(np.sort(residuals)[rank - 1])
    spread = math.sqrt(float(np.mean(np.square(residuals))))
    quantile = float(stdtrit(max(m - num_terms, 1), (1 + level) / 2))
    return max(float(residuals.max()), quantile * spread)


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2)[inverse]
    return ranks
