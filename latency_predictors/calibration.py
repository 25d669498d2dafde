"""Calibrating a table on whole networks: the correction, its report, the next fit.

`fitting` has the formula and its sources, `error_report` the measures.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, TypedDict

import numpy as np

from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.correction import Correction, Term
from latency_predictors.error_report import error_report, form_errors, left_out_predictions, spearman
from latency_predictors.fitting import LEVEL, fit_correction, regressors
from latency_predictors.layer_costs import layer_costs
from latency_predictors.layer_shares import LayerParts
from latency_predictors.lookup_table import LookupTable, share_key
from latency_predictors.memory import boundary_mib, touched_mib
from search_spaces.base import Architecture, FloatArray
from search_spaces.layers import LayerSpec

__all__ = [
    "calibrate",
    "calibration_point",
    "counted_points",
    "error_report",
    "fit_again",
    "fit_correction",
    "fit_points",
    "form_errors",
    "is_outdated",
    "pooled_rel_sd",
    "predict_left_out",
    "predict_points",
    "refit",
    "spearman",
    "summed_again",
    "united",
]

_OPTIONAL: Final = ("boundary_mib", "touched_mib", "num_macs")
"""What a fit can do without; 0 in points where it is not known."""

ENOUGH_CALM = 10
"""Networks whose latency is not suspect, from which on a correction is fitted on those alone."""


def calibration_point(
    table: LookupTable,
    layers: Sequence[LayerSpec],
    *,
    digest: str,
    measured_ms: float,
    rel_sd: float,
    predicted_ms: tuple[float, float] | None = None,
    suspect: bool = False,
    filled: bool = False,
    architecture: Architecture = (),
) -> CalibrationPoint:
    """Return a measured network beside what the table says of its layers.

    Args:
        table: With an entry for every layer.
        layers: The network's.
        digest: The network's.
        measured_ms: Median over sessions.
        rel_sd: Spread between sessions, as a share.
        predicted_ms: Ends of the interval that a search believed in before.
        suspect: Whether sessions contradict each other, or the device was disturbed wherever they agree.
        filled: Whether entries that are fitted or stale do too.
        architecture: The network's, where its sum is to be taken again when entries change.

    Raises:
        MeasurementError: `missing_layers`.
    """
    return CalibrationPoint(
        digest=digest,
        predicted_ms=predicted_ms,
        suspect=suspect,
        num_layers=len(layers),
        num_macs=sum(spec.macs for spec in layers),
        measured_ms=measured_ms,
        rel_sd=rel_sd,
        architecture=architecture,
        **_summed(table, layers, filled=filled),
    )


def summed_again(
    table: LookupTable, layers: Sequence[LayerSpec], point: CalibrationPoint
) -> CalibrationPoint:
    """Return a network that was measured beside what a table says of its layers by now.

    With it comes what versions before did not know of a network: they stored no `touched_mib`.

    Raises:
        MeasurementError: `missing_layers`.
    """
    return point.model_copy(update={**_summed(table, layers)})


class _Sums(TypedDict):
    """What a fit takes of a network's layers, as a table has them."""

    sum_ms: float
    layer_ms: dict[str, float]
    spread_ms: float
    boundary_mib: float
    touched_mib: float


def _summed(table: LookupTable, layers: Sequence[LayerSpec], *, filled: bool = False) -> _Sums:
    costs = layer_costs(table, layers, filled=filled)
    parts: dict[str, float] = {}
    for spec, median_ms in zip(layers, costs.median_ms.tolist(), strict=True):
        parts[share_key(spec)] = parts.get(share_key(spec), 0.0) + median_ms
    return {
        "sum_ms": float(costs.median_ms.sum()),
        "layer_ms": parts,
        "spread_ms": costs.spread_ms,
        "boundary_mib": sum(boundary_mib(spec) for spec in layers),
        "touched_mib": sum(touched_mib(spec, table.context.batch) for spec in layers),
    }


def counted_points(points: Sequence[CalibrationPoint]) -> list[CalibrationPoint]:
    """Return the networks that a fit on measured ones rests on, in order.

    These are the ones that are not suspect where they are enough: a disturbed run is too long by any amount,
    and a few of those would widen every interval. Where they are too few, all count.
    """
    calm = [point for point in points if not point.suspect]
    return calm if len(calm) >= ENOUGH_CALM else list(points)


def calibrate(points: Sequence[CalibrationPoint], level: float = LEVEL) -> Correction:
    """Return the correction fitted on measured networks, with all of them and its error report.

    Fit and report rest on `counted_points`: errors, intervals and coverage are of those alone.
    """
    counted = counted_points(points)
    report = error_report(
        _columns(counted),
        _column(counted, "measured_ms"),
        _column(counted, "num_macs"),
        level=level,
        **_beside(counted),
    )
    if report is not None:
        left_out = len(points) - len(counted)
        report = report.model_copy(update={**_counts(counted), "num_left_out": left_out})
    return fit_points(points, level).model_copy(
        update={
            "points": tuple(points),
            "report": report,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def _counts(points: Sequence[CalibrationPoint]) -> dict[str, int | float]:
    """Return what an error report tells beside errors: how many are suspect, how verified ones came out."""
    verified = [point for point in points if point.predicted_ms is not None]
    counts: dict[str, int | float] = {"num_suspect": sum(point.suspect for point in points)}
    if verified:
        inside = sum(point.as_predicted for point in verified) / len(verified)
        counts |= {"num_verified": len(verified), "verified_coverage": inside}
    return counts


def refit(correction: Correction, new: Sequence[CalibrationPoint]) -> Correction:
    """Return a correction fitted on the old points and new ones; a network measured again replaces itself.

    What is suspect does not replace what is not; see `CalibrationPoint.replacing` for what stays.
    """
    points = {point.digest: point for point in correction.points}
    for point in new:
        known = points.get(point.digest)
        if known is not None and point.suspect and not known.suspect:
            continue
        points[point.digest] = point if known is None else point.replacing(known)
    return fit_again(correction, tuple(points.values()))


def fit_again(correction: Correction, points: Sequence[CalibrationPoint]) -> Correction:
    """Return a correction of the same latency fitted on these points, and no others."""
    return calibrate(points, correction.level).model_copy(update={"metric": correction.metric})


def is_outdated(correction: Correction) -> bool:
    """Whether an earlier version fitted it, without a term that its networks tell: their arithmetic."""
    hull, points = correction.hull, correction.points
    return hull is not None and hull.giga_macs is None and bool(points) and all(p.num_macs for p in points)


def united(there: Correction, new: Correction) -> Correction:
    """Return a correction on the points of two that were fitted side by side, each network once.

    Args:
        there: Published by somebody else meanwhile.
        new: Fitted without what is there. Of a network that is in both, `CalibrationPoint.beside` counts.
    """
    known = {point.digest: point for point in there.points}
    mine = {point.digest: point for point in new.points}
    both = known | {key: one.beside(known[key]) if key in known else one for key, one in mine.items()}
    if both == known:
        return there
    return new if both == mine else fit_again(there, tuple(both.values()))


def fit_points(points: Sequence[CalibrationPoint], level: float = LEVEL) -> Correction:
    """Return the correction alone, on `counted_points`: no report, which takes one fit a network."""
    counted = counted_points(points)
    return fit_correction(_columns(counted), _column(counted, "measured_ms"), level=level, **_beside(counted))


def predict_points(
    correction: Correction, points: Sequence[CalibrationPoint]
) -> tuple[FloatArray, FloatArray]:
    """Return the predicted milliseconds of networks, and the factor of their intervals, (n,) each."""
    parts = LayerParts.of(points)
    columns = parts.shared(_columns(points), correction.shares)
    point = correction.point(columns)
    unseen = parts.unseen_ms(correction.well_known, _column(points, "sum_ms"))
    spread = correction.spread(_column(points, "spread_ms"), point, unseen)
    return point, correction.factor(columns, spread)


def predict_left_out(
    points: Sequence[CalibrationPoint], level: float = LEVEL
) -> tuple[FloatArray, FloatArray]:
    """Return what the correction fitted on the others says of each network, and the factor, (m,) each.

    Only `counted_points` are among the others.
    """
    points = _known_alike(points)
    counted = counted_points(points)
    measured, spread = _column(counted, "measured_ms"), _column(counted, "spread_ms")
    parts, repeat = LayerParts.for_shares(counted), pooled_rel_sd(counted)
    found = left_out_predictions(
        _columns(counted), measured, spread, parts, level=level, repeat_rel_sd=repeat
    )
    if len(counted) == len(points):
        return found
    predicted, factors = predict_points(fit_points(counted, level), points)
    calm = np.array([not point.suspect for point in points])
    predicted[calm], factors[calm] = found
    return predicted, factors


def _known_alike(points: Sequence[CalibrationPoint]) -> list[CalibrationPoint]:
    """Return points of which all are known, or none, what a term needs: one fit predicts all of them."""
    unknown = {name: 0 for name in _OPTIONAL if _known(points, name) is None}
    return [point.model_copy(update=unknown) for point in points]


def _columns(points: Sequence[CalibrationPoint]) -> dict[Term, FloatArray]:
    """Return what coefficients are multiplied with, without what is not known of all points."""
    macs = _known(points, "num_macs")
    return regressors(
        _column(points, "sum_ms"),
        _column(points, "num_layers"),
        boundary_mib=_known(points, "boundary_mib"),
        touched_mib=_known(points, "touched_mib"),
        giga_macs=None if macs is None else macs / 1e9,
    )


def _column(points: Sequence[CalibrationPoint], name: str) -> FloatArray:
    return np.array([getattr(point, name) for point in points], dtype=np.float64)


class _Beside(TypedDict):
    """What a fit and its report take of networks beside columns of terms and latencies."""

    spread_ms: FloatArray
    parts: LayerParts | None
    repeat_rel_sd: float


def _beside(points: Sequence[CalibrationPoint]) -> _Beside:
    return {
        "spread_ms": _column(points, "spread_ms"),
        "parts": LayerParts.for_shares(points),
        "repeat_rel_sd": pooled_rel_sd(points),
    }


def _known(points: Sequence[CalibrationPoint], name: str) -> FloatArray | None:
    """Return something of the points that is positive, None where some were stored without."""
    column = _column(points, name)
    return column if (column > 0).all() else None


def pooled_rel_sd(points: Sequence[CalibrationPoint]) -> float:
    """Return by how much sessions of measured networks differed, as a share; 0 where there are none."""
    return math.sqrt(float(np.mean(np.square(_column(points, "rel_sd"))))) if points else 0.0
