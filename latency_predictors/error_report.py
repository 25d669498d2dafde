"""How good a table and its correction are: leave-one-out errors, side by side with simpler predictions."""

import math

import numpy as np

from latency_predictors.correction import Columns, ErrorReport, FormErrors
from latency_predictors.fitting import LEVEL, MIN_NETWORKS, design, fit_correction
from latency_predictors.layer_shares import LayerParts
from latency_predictors.leave_one_out import folds, leave_one_out
from search_spaces.base import FloatArray


def error_report(
    columns: Columns,
    measured_ms: FloatArray,
    num_macs: FloatArray,
    *,
    spread_ms: FloatArray | None = None,
    parts: LayerParts | None = None,
    level: float = LEVEL,
    repeat_rel_sd: float = 0.0,
) -> ErrorReport | None:
    """Return the errors of the bare sum, of a S + b, of the correction and of MACs; arrays are (m,).

    None with fewer than four networks: leave-one-out then leaves too few to fit.
    """
    measured = np.asarray(measured_ms, dtype=np.float64)
    if len(measured) <= MIN_NETWORKS:
        return None
    predicted, factors = left_out_predictions(
        columns, measured, spread_ms, parts, level=level, repeat_rel_sd=repeat_rel_sd
    )
    by_macs: Columns = {**columns, "a": num_macs}
    inside = (predicted / factors <= measured) & (measured <= predicted * factors)
    return ErrorReport(
        num_networks=len(measured),
        bare_sum=form_errors(columns["a"], measured),
        affine=form_errors(leave_one_out(design(columns, ("a", "b")), measured), measured),
        corrected=form_errors(predicted, measured),
        macs=form_errors(leave_one_out(design(by_macs, ("a", "b")), measured), measured),
        level=level,
        coverage=float(inside.mean()),
        median_half_width=float(np.median(factors)) - 1.0,
        repeat_rel_sd=repeat_rel_sd,
    )


def left_out_predictions(
    columns: Columns,
    measured: FloatArray,
    spread_ms: FloatArray | None = None,
    parts: LayerParts | None = None,
    *,
    level: float = LEVEL,
    repeat_rel_sd: float = 0.0,
) -> tuple[FloatArray, FloatArray]:
    """Return each network's prediction and interval factor by the correction fitted on others, (m,).

    Args:
        columns: As `regressors` gives them.
        measured: Latencies, (m,).
        spread_ms: How far the sums may be off because of their entries, (m,).
        parts: What each layer adds to the sums.
        level: Nominal coverage of the intervals.
        repeat_rel_sd: Spread of a network between sessions, as a share.
    """
    predicted, factors = np.empty_like(measured), np.empty_like(measured)
    spreads = np.zeros_like(measured) if spread_ms is None else spread_ms
    for left_out, kept in folds(len(measured)):
        fold = fit_correction(
            {term: column[kept] for term, column in columns.items()},
            measured[kept],
            spread_ms=spreads[kept],
            parts=None if parts is None else parts.of_rows(kept),
            level=level,
            repeat_rel_sd=repeat_rel_sd,
        )
        one, unseen = {term: column[left_out] for term, column in columns.items()}, None
        if parts is not None:
            its_parts = parts.of_rows(left_out)
            unseen = its_parts.unseen_ms(fold.well_known, one["a"])
            one = its_parts.shared(one, fold.shares)
        predicted[left_out] = fold.point(one)
        spread = fold.spread(spreads[left_out], predicted[left_out], unseen)
        factors[left_out] = fold.factor(one, spread)
    return predicted, factors


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


def _ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2)[inverse]
    return ranks
