"""Do 90 % intervals cover 90 %? 200 random calibration sets out of the measured networks."""

import statistics
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.measured_networks import columns, measured_pairs
from benchmarks.sections.tables import NUM_NETWORKS
from latency_predictors.calibration import fit_correction
from nas.pipeline.profile import NUM_CALIBRATION

NUM_DRAWS: Final = 200


def run(home: Path, quick: bool) -> list[Figure]:
    """Calibrate on random draws, predict the rest."""
    count = 12 if quick else NUM_NETWORKS
    pairs = measured_pairs(home, count)
    found = columns(pairs)
    repeat = float(np.sqrt(np.mean([point.rel_sd**2 for point in pairs.first])))
    rng = np.random.default_rng(0)
    coverages, widths = [], []
    for _ in range(NUM_DRAWS):
        order = rng.permutation(count)
        drawn, rest = order[: min(NUM_CALIBRATION, count // 2)], order[min(NUM_CALIBRATION, count // 2) :]
        correction = fit_correction(
            found.sums_ms[drawn], found.num_layers[drawn], found.first_ms[drawn], repeat_rel_sd=repeat
        )
        point = correction.point(found.sums_ms[rest], found.num_layers[rest])
        factor = correction.factor(found.sums_ms[rest], found.num_layers[rest])
        off = np.maximum(found.first_ms[rest] / point, point / found.first_ms[rest])
        coverages.append(100 * float((off <= factor).mean()))
        widths.append(100 * float(np.median(factor - 1 / factor)))
    mean = statistics.mean(coverages)
    return [
        Figure("mean coverage of 90 % intervals", mean, "%", ">=", 88.0, spread(coverages)),
        Figure("mean coverage of 90 % intervals, not above", mean, "%", "<=", 93.0),
        Figure("5th percentile of the coverage", float(np.percentile(coverages, 5)), "%", ">=", 70.0),
        Figure("median width of the intervals", statistics.median(widths), "%", detail=spread(widths)),
    ]
