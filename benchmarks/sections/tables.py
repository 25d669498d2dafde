"""The corrected table against independent runs of whole networks on this host.

60 networks that the correction has not seen, spread evenly in the logarithm of their cost, each measured
twice in sessions of its own. The second measurement says what any prediction could reach at best.
"""

from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.sections.measured_networks import Columns, columns, demo_space, measured_pairs, profiled
from latency_predictors.calibration import form_errors, spearman
from latency_predictors.correction import Correction
from search_spaces.base import FloatArray, space_digest

NUM_NETWORKS: Final = 60
_NORMAL_95_ONE_SIDED: Final = 1.645


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare predictions with measurements; the bare sum, a*S + b and MACs stand beside."""
    found = columns(measured_pairs(home, 12 if quick else NUM_NETWORKS))
    correction = profiled(home).corrections[space_digest(demo_space())]
    predicted = correction.point(found.sums_ms, found.num_layers)
    error = np.abs(predicted / found.first_ms - 1)
    repeat = np.abs(found.second_ms / found.first_ms - 1)
    inside = (error <= 0.05).astype(float) - (repeat <= 0.05).astype(float)
    bound = inside.mean() - _NORMAL_95_ONE_SIDED * inside.std(ddof=1) / len(inside) ** 0.5
    rank, own_rank = spearman(predicted, found.first_ms), spearman(found.second_ms, found.first_ms)
    span = found.first_ms.max() / found.first_ms.min()
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
            100 * float(bound),
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
        *_beside(found, correction),
    ]


def _beside(found: Columns, correction: Correction) -> list[Figure]:
    """Return the errors of simpler forms, fitted on the same calibration networks."""
    points = correction.points
    sums = np.array([point.sum_ms for point in points])
    macs = np.array([point.num_macs for point in points], dtype=np.float64)
    measured = np.array([point.measured_ms for point in points])
    forms: dict[str, FloatArray] = {
        "bare sum": found.sums_ms,
        "a*S + b": _line(sums, measured, found.sums_ms),
        "MACs": _line(macs, measured, found.num_macs),
    }
    figures = []
    for name, predicted in forms.items():
        errors = form_errors(predicted, found.first_ms)
        detail = f"within 5 %: {100 * errors.within_5:.0f} %, Spearman {errors.spearman:.4f}"
        figures.append(Figure(f"median error of {name}", 100 * errors.median_error, "%", detail=detail))
    return figures


def _line(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Fit y = a x + b in relative error, return it at other places."""
    design = np.stack([x, np.ones_like(x)], axis=1) / y[:, None]
    a, b = np.linalg.lstsq(design, np.ones_like(y), rcond=None)[0]
    line: FloatArray = a * at + b
    return line
