"""A corrected table against independent runs of whole networks on this host.

60 networks that the correction has not seen, spread evenly in the logarithm of their cost, each measured
twice in sessions of its own. The second measurement says what any prediction could reach at best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.figures import Figure
from benchmarks.sections.measured_networks import DEMO, Case, measured_ms, measured_pairs, profiled
from latency_predictors.calibration import fit_points, form_errors, predict_points, spearman
from latency_predictors.calibration_point import CalibrationPoint
from latency_predictors.device import ExecutionContext
from nas.pipeline.amounts import NUM_CALIBRATION
from search_spaces.base import FloatArray, space_digest

NUM_NETWORKS: Final = 60
NUM_QUICK: Final = 12
_NORMAL_95_ONE_SIDED: Final = 1.645


@dataclass(frozen=True)
class Held:
    """A table held against whole networks, (n,) each, in milliseconds.

    Attributes:
        case: Which table.
        context: What it and the networks were measured in.
        architectures: Of the networks.
        predicted: By the corrected table.
        factor: Of its own intervals.
        first: What predictions are held against.
        second: The repeat.
        num_suspect: Networks that either measurement calls suspect.
        others: Simpler predictions, fitted on the same calibration networks, by name.
    """

    case: Case
    context: ExecutionContext
    architectures: tuple[tuple[int, ...], ...]
    predicted: FloatArray
    factor: FloatArray
    first: FloatArray
    second: FloatArray
    num_suspect: int
    others: dict[str, FloatArray]

    @property
    def within_5_minus_repeats(self) -> FloatArray:
        """For each network, whether the prediction is within 5 %, minus whether the repeat is."""
        error, repeat = (np.abs(other / self.first - 1) for other in (self.predicted, self.second))
        difference: FloatArray = (error <= 0.05).astype(float) - (repeat <= 0.05).astype(float)
        return difference


def run(home: Path, quick: bool) -> list[Figure]:
    """Compare predictions with measurements; the bare sum, a*S + b and MACs stand beside."""
    held = hold(home, DEMO, NUM_QUICK if quick else NUM_NETWORKS)
    return [*figures_of(held), share_figure([held], -5.0), *beside(held)]


def hold(home: Path, case: Case, count: int) -> Held:
    """Hold a table against so many networks; what was measured is kept in the folder."""
    pairs = measured_pairs(home, count, case)
    table = profiled(home, case)
    correction = table.corrections[space_digest(case.space)]
    known, found = correction.points, pairs.first
    predicted, factor = predict_points(correction, found)
    return Held(
        case=case,
        context=table.context,
        architectures=pairs.architectures,
        predicted=predicted,
        factor=factor,
        first=measured_ms(pairs.first),
        second=measured_ms(pairs.second),
        num_suspect=sum(a.suspect or b.suspect for a, b in zip(pairs.first, pairs.second, strict=True)),
        others={
            f"a search's correction, {NUM_CALIBRATION} networks": _as_searched(known, found),
            "bare sum": _sums(found),
            "a*S + b": _line(_sums(known), measured_ms(known), _sums(found)),
            "MACs": _line(_macs(known), measured_ms(known), _macs(found)),
        },
    )


def figures_of(held: Held, name: str = "the corrected table") -> list[Figure]:
    """Return what each table is held to."""
    repeats = 100 * float(np.median(np.abs(held.second / held.first - 1)))
    error = 100 * float(np.median(np.abs(held.predicted / held.first - 1)))
    span = float(held.first.max() / held.first.min())
    rank, own_rank = spearman(held.predicted, held.first), spearman(held.second, held.first)
    told = f"the repeat's median difference is {repeats:.2f} %; {_suspect([held])}"
    inside, again = (
        100 * float(np.mean(np.abs(np.log(measured / held.predicted)) <= np.log(held.factor)))
        for measured in (held.first, held.second)
    )
    width = f"{again:.0f} % in the repeat; median half width {100 * float(np.median(held.factor - 1)):.1f} %"
    return [
        Figure(f"slowest over fastest of the networks of {name}", span, "", ">=", 4.0),
        Figure(f"median error of {name}", error, "%", "<=", repeats + 1, told),
        Figure(f"Spearman of {name}", rank, "", ">=", own_rank - 0.01, f"the repeat's is {own_rank:.4f}"),
        Figure(f"inside the 90 % intervals of {name}", inside, "%", detail=width),
    ]


def share_figure(tables: Sequence[Held], least: float) -> Figure:
    """Return how far the share within 5 % is below the repeat's, over the networks of all tables."""
    differences = np.concatenate([held.within_5_minus_repeats for held in tables])
    error = np.concatenate([np.abs(held.predicted / held.first - 1) for held in tables])
    repeat = np.concatenate([np.abs(held.second / held.first - 1) for held in tables])
    shares = f"{100 * np.mean(error <= 0.05):.0f} % against {100 * np.mean(repeat <= 0.05):.0f} %"
    shares += f"; {_suspect(tables)}"
    name = "share within 5 % minus the repeat's: lower 95 % bound"
    return Figure(name, 100 * _lower_bound(differences), "points", ">=", least, shares)


def beside(held: Held, name: str = "") -> list[Figure]:
    """Return the errors of simpler predictions."""
    where = f", {name}" if name else ""
    figures = []
    for form, predicted in held.others.items():
        errors = form_errors(predicted, held.first)
        detail = f"within 5 %: {100 * errors.within_5:.0f} %, Spearman {errors.spearman:.4f}"
        title = f"median error of {form}{where}"
        figures.append(Figure(title, 100 * errors.median_error, "%", detail=detail))
    return figures


def _lower_bound(differences: FloatArray) -> float:
    """Return what the mean of paired differences exceeds with 95 %."""
    error = differences.std(ddof=1) / len(differences) ** 0.5
    return float(differences.mean() - _NORMAL_95_ONE_SIDED * error)


def _suspect(tables: Sequence[Held]) -> str:
    """Return how many networks were disturbed in either measurement: they count all the same."""
    return f"{sum(held.num_suspect for held in tables)} of {sum(len(held.first) for held in tables)} suspect"


def _as_searched(known: Sequence[CalibrationPoint], at: Sequence[CalibrationPoint]) -> FloatArray:
    """Return what the networks tell that come first: a profile measures more where intervals are wide."""
    predicted, _ = predict_points(fit_points(known[:NUM_CALIBRATION]), at)
    return predicted


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
