"""Costs of architectures: latency from corrected tables; memory, work and parameters from the layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from latency_predictors.correction import Correction, Kind
from latency_predictors.lookup_table import LookupTable
from latency_predictors.memory import boundary_mib, peak_memory_of
from latency_predictors.slot_costs import SlotCosts
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.errors import UsageError
from search_spaces.layers import LayerSpec
from search_spaces.slot_tables import distinct_layers

ExactCost = Callable[[IntArray], FloatArray]
"""Gives one cost of architectures: (n, choices) to (n,)."""


@dataclass(frozen=True)
class Costs:
    """Predicted costs and their intervals.

    Attributes:
        point: (n,).
        lower: Lower ends of the intervals, (n,).
        upper: Upper ends, which limits are held against, (n,).
        kind: How they were obtained.
    """

    point: FloatArray
    lower: FloatArray
    upper: FloatArray
    kind: Kind


class CostPredictor:
    """Predicts the latency in milliseconds of the architectures of a space on one target."""

    def __init__(self, space: SearchSpace, table: LookupTable, correction: Correction) -> None:
        """Compose a table.

        Raises:
            MeasurementError: `missing_layers` where the table lacks a layer of the space.
        """
        self._targets = MultiTargetPredictor(space, {"": (table, correction)})

    def predict(self, archs: IntArray) -> Costs:
        """Return the costs of architectures, (n, choices)."""
        return self._targets.predict(archs)[""]


class MultiTargetPredictor:
    """Predicts the latency of architectures on several targets in one pass.

    Sums of layers are gathered in float32, whose rounding (1e-7) is far below any measurement's.
    """

    def __init__(self, space: SearchSpace, targets: Mapping[str, tuple[LookupTable, Correction]]) -> None:
        """Compose tables.

        Args:
            space: The space.
            targets: Table and correction by the target's name.

        Raises:
            MeasurementError: `missing_layers` where a table lacks a layer of the space.
        """
        layers = distinct_layers(space)
        self._corrections = {name: correction for name, (_, correction) in targets.items()}
        columns = [table.costs_ms(layers) for table, _ in targets.values()]
        columns.append(np.array([boundary_mib(spec) for spec in layers]))
        columns.append(np.ones(len(layers)))
        self._sums = SlotCosts(space, np.stack(columns, axis=1).astype(np.float32))

    def predict(self, archs: IntArray) -> dict[str, Costs]:
        """Return the costs of architectures, (n, choices), by target."""
        results = {
            name: Costs(np.empty(len(archs)), np.empty(len(archs)), np.empty(len(archs)), correction.kind)
            for name, correction in self._corrections.items()
        }
        for rows, sums in self._sums.chunks(archs):
            columns = np.ascontiguousarray(sums.T)
            boundary, num_layers = columns[-2], columns[-1]
            for (name, costs), sums_ms in zip(results.items(), columns, strict=False):
                correction = self._corrections[name]
                point = correction.point(sums_ms, num_layers, boundary)
                factor = correction.factor(sums_ms, num_layers)
                costs.point[rows] = point
                np.divide(point, factor, out=costs.lower[rows])
                np.multiply(point, factor, out=costs.upper[rows])
        return results


def exact_cost(space: SearchSpace, name: str) -> ExactCost:
    """Return a function for a cost that follows from the layers alone.

    Args:
        space: The space.
        name: `num_macs`, `num_params` or `peak_memory_bytes`.

    Raises:
        UsageError: `unknown_cost`.
    """
    if name == "peak_memory_bytes":
        return peak_memory_of(space)
    counts: dict[str, Callable[[LayerSpec], int]] = {
        "num_macs": lambda spec: spec.macs,
        "num_params": lambda spec: spec.num_params,
    }
    if name not in counts:
        known = ", ".join((*counts, "peak_memory_bytes"))
        raise UsageError("unknown_cost", f"no cost '{name}' follows from layers; those that do: {known}")
    column = np.array([[counts[name](spec)] for spec in distinct_layers(space)], dtype=np.float64)
    costs = SlotCosts(space, column)
    return lambda archs: costs(archs)[:, 0].astype(np.float64)
