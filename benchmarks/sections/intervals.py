"""Do 90 % intervals cover 90 %? 200 random calibration sets out of the measured networks."""

import statistics
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.measured_networks import measured_ms, measured_pairs
from benchmarks.sections.tables import NUM_NETWORKS
from latency_predictors.calibration import fit_points, predict_points
from nas.pipeline.profile import NUM_CALIBRATION

NUM_DRAWS: Final = 200


def run(home: Path, quick: bool) -> list[Figure]:
    """Calibrate on random draws, predict the rest."""
    count = 12 if quick else NUM_NETWORKS
    points = np.array(measured_pairs(home, count).first, dtype=object)
    rng = np.random.default_rng(0)
    coverages, widths = [], []
    for _ in range(NUM_DRAWS):
        order = rng.permutation(count)
        drawn, rest = np.split(order, [min(NUM_CALIBRATION, count // 2)])
        predicted, factor = predict_points(fit_points(list(points[drawn])), list(points[rest]))
        measured = measured_ms(list(points[rest]))
        off = np.maximum(measured / predicted, predicted / measured)
        coverages.append(100 * float((off <= factor).mean()))
        widths.append(100 * float(np.median(factor - 1 / factor)))
    mean = statistics.mean(coverages)
    return [
        Figure("mean coverage of 90 % intervals", mean, "%", ">=", 88.0, spread(coverages)),
        Figure("mean coverage of 90 % intervals, not above", mean, "%", "<=", 93.0),
        Figure("5th percentile of the coverage", float(np.percentile(coverages, 5)), "%", ">=", 70.0),
        Figure("median width of the intervals", statistics.median(widths), "%", detail=spread(widths)),
    ]
