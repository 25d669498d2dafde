"""Do 90 % intervals cover 90 %? 200 random calibration sets out of the measured networks.

The rest is held against the sessions that the calibration networks ran in, and against the repeat's: whoever
uses a table measures later, and what two sets of sessions differ by as a whole is in no residual.
"""

import statistics
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure, spread
from benchmarks.sections.measured_networks import DEMO, Case, measured_ms, measured_pairs
from benchmarks.sections.table_cases import cases
from benchmarks.sections.tables import NUM_NETWORKS, NUM_QUICK
from latency_predictors.calibration import fit_points, predict_points
from nas.pipeline.amounts import NUM_CALIBRATION
from search_spaces.base import FloatArray

NUM_DRAWS: Final = 200
NUM_PROFILED: Final = 40
"""Networks of a draw where a table is profiled; a profile has 24 to 120, and 60 are here in all."""
MAX_WIDTHS: Final = 3.0
"""Of the intervals, in spreads of the repeat."""
MAX_MEAN: Final = 93.0
"""Percent; where two sessions of a table differed as a whole its intervals are wider than its draws need."""


def run(home: Path, quick: bool) -> list[Figure]:
    """Calibrate the demo's table on random draws as large as a search's, predict the rest."""
    found = drawn(home, DEMO, NUM_QUICK if quick else NUM_NETWORKS, NUM_CALIBRATION)
    mean = found[0].value
    return [*found, Figure("mean coverage of 90 % intervals, not above", mean, "%", "<=", MAX_MEAN)]


def run_all(home: Path, quick: bool) -> list[Figure]:
    """Do so with every table, on draws of more: a profile measures further networks."""
    count = NUM_QUICK if quick else NUM_NETWORKS
    tables = [drawn(home, case, count, NUM_PROFILED, f", {case.name}") for case in cases(quick=quick)]
    mean = statistics.mean(found[0].value for found in tables)
    name = "mean coverage of 90 % intervals, over all tables, not above"
    return [*(figure for found in tables for figure in found), Figure(name, mean, "%", "<=", MAX_MEAN)]


def drawn(home: Path, case: Case, count: int, num_drawn: int, where: str = "") -> list[Figure]:
    """Return coverage and width over the draws, the mean coverage first."""
    pairs = measured_pairs(home, count, case)
    points = np.array(pairs.first, dtype=object)
    rng = np.random.default_rng(0)
    again = measured_ms(pairs.second)
    coverages: list[float] = []
    later: list[float] = []
    widths: list[float] = []
    for _ in range(NUM_DRAWS):
        order = rng.permutation(count)
        known, rest = np.split(order, [min(num_drawn, count * 2 // 3)])
        predicted, factor = predict_points(fit_points(list(points[known])), list(points[rest]))
        measured = measured_ms(list(points[rest]))
        coverages.append(_covered(predicted, factor, measured))
        later.append(_covered(predicted, factor, again[rest]))
        widths.append(100 * float(np.median(factor - 1 / factor)))
    mean = statistics.mean(coverages)
    low, high = np.quantile(measured_ms(pairs.second) / measured_ms(pairs.first), (0.05, 0.95))
    repeats = 100 * float(high - low)
    told = f"the repeat over the first, 5 % to 95 %: {repeats:.2f} %; {spread(widths)}"
    most = MAX_WIDTHS * repeats
    return [
        Figure(f"mean coverage of 90 % intervals{where}", mean, "%", ">=", 88.0, spread(coverages)),
        Figure(f"5th percentile of the coverage{where}", float(np.percentile(coverages, 5)), "%", ">=", 70.0),
        Figure(
            f"mean coverage in the repeat's sessions{where}",
            statistics.mean(later),
            "%",
            detail=spread(later),
        ),
        Figure(f"median width of the intervals{where}", statistics.median(widths), "%", "<=", most, told),
    ]


def _covered(predicted: FloatArray, factor: FloatArray, measured: FloatArray) -> float:
    """Return the share of networks inside their intervals, in percent."""
    off = np.maximum(measured / predicted, predicted / measured)
    return 100 * float((off <= factor).mean())
