"""The corrected table against independent runs of whole networks on this host.

60 networks that the correction has not seen, spread evenly in the logarithm of their cost, each measured
twice in sessions of its own. The second measurement says what any prediction could reach at best.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.sections.measured_networks import demo_space, measured_ms, measured_pairs, profiled
from latency_predictors.calibration import form_errors, predict_points, spearman
from latency_predictors.correction import CalibrationPoint, Correction
from search_spaces.base import FloatArray, space_digest

NUM_NETWORKS: Final = 60
_NORMAL_95_ONE_SIDED: Final = 1.645


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare predictions with measurements; the bare sum, a*S + b and MACs stand beside."""
    pairs = measured_pairs(home, 12 if quick else NUM_NETWORKS)
    first, second = measured_ms(pairs.first), measured_ms(pairs.second)
    correction = profiled(home).corrections[space_digest(demo_space())]
    predicted, _ = predict_points(correction, pairs.first)
    error = np.abs(predicted / first - 1)
    repeat = np.abs(second / first - 1)
    inside = (error <= 0.05).astype(float) - (repeat <= 0.05).astype(float)
    rank, own_rank = spearman(predicted, first), spearman(second, first)
    span = first.max() / first.min()
    own_median = 100 * float(np.median(repeat))
    shares = f"{100 * np.mean(error <= 0.05):.0f} % against {100 * np.mean(repeat <= 0.05):.0f} %"
    return [
        Figure("slowest over fastest of the networks", float(span), "", ">=", 4.0),
        Figure(
            "median error of the corrected table",
            100 * float(np.median(error)),
            "%",
            "<=",
            own_median + 1,
            f"the repeat's median difference is {own_median:.2f} %",
        ),
        Figure(
            "share within 5 % minus the repeat's: lower 95 % bound",
            100 * _lower_bound(inside),
            "points",
            ">=",
            -5.0,
            shares,
        ),
        Figure(
            "Spearman of the corrected table",
            rank,
            "",
            ">=",
            own_rank - 0.01,
            f"the repeat's is {own_rank:.4f}",
        ),
        *_beside(pairs.first, correction),
    ]


def _lower_bound(differences: FloatArray) -> float:
    """Return what the mean of paired differences exceeds with 95 %."""
    error = differences.std(ddof=1) / len(differences) ** 0.5
    return float(differences.mean() - _NORMAL_95_ONE_SIDED * error)


def _beside(found: Sequence[CalibrationPoint], correction: Correction) -> list[Figure]:
    """Return the errors of simpler forms, fitted on the same calibration networks."""
    known = correction.points
    forms = {
        "bare sum": _sums(found),
        "a*S + b": _line(_sums(known), measured_ms(known), _sums(found)),
        "MACs": _line(_macs(known), measured_ms(known), _macs(found)),
    }
    figures = []
    for name, predicted in forms.items():
        errors = form_errors(predicted, measured_ms(found))
        detail = f"within 5 %: {100 * errors.within_5:.0f} %, Spearman {errors.spearman:.4f}"
        figures.append(Figure(f"median error of {name}", 100 * errors.median_error, "%", detail=detail))
    return figures


def _sums(points: Sequence[CalibrationPoint]) -> FloatArray:
    return np.array([point.sum_ms for point in points])


def _macs(points: Sequence[CalibrationPoint]) -> FloatArray:
    return np.array([point.num_macs for point in points], dtype=np.float64)


def _line(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Fit y = a x + b in relative error, return it at other places."""
    design = np.stack([x, np.ones_like(x)], axis=1) / y[:, None]
    a, b = np.linalg.lstsq(design, np.ones_like(y), rcond=None)[0]
    line: FloatArray = a * at + b
    return line
