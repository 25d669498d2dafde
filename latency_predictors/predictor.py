"""Costs of architectures: latency from corrected tables; memory, work and parameters from the layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from latency_predictors.correction import Columns, Correction, Floats, Kind
from latency_predictors.layer_costs import LayerCosts, layer_costs, spread_of
from latency_predictors.lookup_table import LookupTable, share_key
from latency_predictors.memory import boundary_mib, peak_memory_of, touched_mib
from latency_predictors.slot_costs import SlotCosts
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.layers import LayerSpec
from search_spaces.network import layers as layers_of
from search_spaces.sampling import as_architecture
from search_spaces.slot_tables import distinct_layers
from search_spaces.zero_fed import zero_fed_tables

ExactCost = Callable[[IntArray], FloatArray]
"""Gives one cost of architectures: (n, choices) to (n,)."""


@dataclass(frozen=True)
class Costs:
    """Predicted costs and their intervals.

    Attributes:
        point: (n,).
        lower: Lower ends of the intervals, (n,).
        upper: Upper ends, which limits are held against, (n,).
        coverage: Share of the sum that measured layers give; the rest is fitted or stale, or of layers that
            the runtime may skip, (n,).
        kind: How they were obtained where the coverage is 1.
    """

    point: FloatArray
    lower: FloatArray
    upper: FloatArray
    coverage: FloatArray
    kind: Kind

    def kind_of(self, row: int) -> Kind:
        """Return how one was obtained: `fitted` where the coverage of a calibrated sum is not full."""
        return "fitted" if self.kind == "table" and self.coverage[row] < 1.0 else self.kind


class CostPredictor:
    """Predicts the latency in milliseconds of the architectures of a space on one target."""

    def __init__(
        self, space: SearchSpace, table: LookupTable, correction: Correction, *, filled: bool = False
    ) -> None:
        """Compose a table.

        Args:
            space: The space.
            table: Of the target.
            correction: Of its sums.
            filled: Whether entries that are fitted or stale do too: intervals are wider by what those may
                be off. A search wants a measured table.

        Raises:
            MeasurementError: `missing_layers` where the table lacks a layer of the space.
        """
        self._targets = MultiTargetPredictor(space, {"": (table, correction)}, filled=filled)

    def predict(self, archs: IntArray) -> Costs:
        """Return the costs of architectures, (n, choices)."""
        return self._targets.predict(archs)[""]


@dataclass(frozen=True)
class _Target:
    """One target's correction, and where its columns are.

    Attributes:
        correction: Of its sums.
        touched: Column of what an inference of its batch touches.
        first: Column of the sum; the variance is the next, then doubt and unmeasured, then unseen.
        all_measured: Whether doubt and unmeasured are missing.
        all_seen: Whether unseen is.
        skipped_ms: Sums of what its runtime may skip, and of what of that was measured, (n, 2); None where it
            skips nothing.
    """

    correction: Correction
    touched: int
    first: int
    all_measured: bool
    all_seen: bool
    skipped_ms: SlotCosts | None = None

    def write(self, costs: Costs, rows: slice, columns: Floats, archs: IntArray) -> None:
        """Write the costs of some rows, from the sums of all columns over them, (columns, rows)."""
        sums_ms, variance = columns[self.first], columns[self.first + 1]
        c, d, f, e = columns[0], columns[1], columns[2], columns[self.touched]
        terms: Columns = {"a": sums_ms, "c": c, "d": d, "e": e, "f": f}
        doubt, unseen = np.zeros_like(sums_ms), None
        if not self.all_measured:
            doubt, unmeasured_ms = columns[self.first + 2], columns[self.first + 3]
            np.subtract(1.0, unmeasured_ms / sums_ms, out=costs.coverage[rows])
        if not self.all_seen:
            unseen = columns[self.first + (2 if self.all_measured else 4)]
        point = self.correction.point(terms)
        spread = self.correction.spread(spread_of(variance, doubt), point, unseen)
        factor = self.correction.factor(terms, spread)
        costs.point[rows] = point
        np.divide(point, factor, out=costs.lower[rows])
        np.multiply(point, factor, out=costs.upper[rows])
        if self.skipped_ms is not None:
            # Rounded, a part may be more than the sum.
            shares = np.minimum(self.skipped_ms(archs) / sums_ms[:, np.newaxis], 1.0)
            costs.lower[rows] *= 1.0 - shares[:, 0]
            costs.coverage[rows] -= shares[:, 1]


class MultiTargetPredictor:
    """Predicts the latency of architectures on several targets in one pass.

    Sums of layers are gathered in float32, whose rounding (1e-7) is far below any measurement's.
    """

    def __init__(
        self,
        space: SearchSpace,
        targets: Mapping[str, tuple[LookupTable, Correction]],
        *,
        filled: bool = False,
    ) -> None:
        """Compose tables.

        Args:
            space: The space.
            targets: Table and correction by the target's name.
            filled: As for `CostPredictor`.

        Raises:
            MeasurementError: `missing_layers` where a table lacks a layer of the space.
        """
        layers = distinct_layers(space)
        self._targets: dict[str, _Target] = {}
        columns = [
            np.ones(len(layers)),
            np.array([boundary_mib(spec) for spec in layers]),
            np.array([spec.macs / 1e9 for spec in layers]),
        ]
        touched: dict[int, int] = {}
        for batch in {table.context.batch for table, _ in targets.values()}:
            touched[batch] = len(columns)
            columns.append(np.array([touched_mib(spec, batch) for spec in layers]))
        for name, (table, correction) in targets.items():
            costs = layer_costs(table, layers, filled=filled)
            keys = [share_key(spec) for spec in layers]
            shares = np.array([correction.shares.get(key, 0.0) for key in keys])
            well_known = correction.well_known if correction.share_sd else frozenset(keys)
            unseen = np.array([key not in well_known for key in keys])
            where = touched[table.context.batch]
            skipped_ms = _skipped_ms(space, table, costs, 1.0 + shares)
            self._targets[name] = _Target(
                correction, where, len(columns), costs.all_measured, not unseen.any(), skipped_ms
            )
            columns += _columns(costs, shares, unseen)
        self._sums = SlotCosts(space, np.stack(columns, axis=1).astype(np.float32))

    def predict(self, archs: IntArray) -> dict[str, Costs]:
        """Return the costs of architectures, (n, choices), by target."""
        n = len(archs)
        results = {
            name: Costs(np.empty(n), np.empty(n), np.empty(n), np.ones(n), target.correction.kind)
            for name, target in self._targets.items()
        }
        for rows, sums in self._sums.chunks(archs):
            columns = np.ascontiguousarray(sums.T)
            for name, costs in results.items():
                self._targets[name].write(costs, rows, columns, archs[rows])
        return results


def _skipped_ms(
    space: SearchSpace, table: LookupTable, costs: LayerCosts, inside: FloatArray
) -> SlotCosts | None:
    """Return what sums the layers that get nothing but zeros; None where they run, or there are none.

    Args:
        space: The space.
        table: Knows what its runtime does.
        costs: Of the layers; those that were not measured are no part of the coverage anyway.
        inside: What each takes in a network, over what it takes alone.
    """
    graph, tables = table.known_graph, zero_fed_tables(space)
    if graph is None or not graph.skips_zeros or not tables.slots:
        return None
    both = np.stack([costs.median_ms, costs.median_ms - costs.unmeasured_ms], axis=1)
    return SlotCosts(space, (both * inside[:, np.newaxis]).astype(np.float32), tables=tables)


def _columns(costs: LayerCosts, shares: FloatArray, unseen: NDArray[np.bool_]) -> list[FloatArray]:
    """Return what is summed of a target: columns after the first two only where they are not all zero.

    Args:
        costs: Of the layers.
        shares: What each takes in a network more than alone, as the correction has it. What entries may be
            off is counted without, as where it was fitted.
        unseen: Which may be off by as much as shares differ, not being well known.
    """
    inside = 1.0 + shares
    columns = [costs.median_ms * inside, costs.variance]
    if not costs.all_measured:
        columns += [costs.doubt_ms, costs.unmeasured_ms * inside]
    return [*columns, costs.median_ms * unseen] if unseen.any() else columns


def unsupported_layers(space: SearchSpace, table: LookupTable) -> ExactCost:
    """Return a function that counts the layers of architectures which the runtime of a table cannot run."""
    layers = distinct_layers(space)
    unsupported = table.unsupported(layers)
    column = np.array([[float(spec in unsupported)] for spec in layers])
    costs = SlotCosts(space, column)
    return lambda archs: costs(archs)[:, 0].astype(np.float64)


def require_supported(space: SearchSpace, table: LookupTable, archs: IntArray) -> None:
    """Refuse architectures that the runtime of a table cannot run: they have no latency.

    Raises:
        MeasurementError: `unsupported_subject`, naming a layer.
    """
    counts = unsupported_layers(space, table)(archs)
    if counts.any():
        row = archs[np.flatnonzero(counts)[:1]]
        spec, why = next(
            (spec, why)
            for spec, why in table.unsupported(distinct_layers(space)).items()
            if spec in layers_of(space, as_architecture(row[0]))
        )
        raise MeasurementError(
            "unsupported_subject",
            f"{table.context.runtime} cannot run {int((counts > 0).sum())} of these {len(archs)} "
            f"architectures, because of layer {spec.signature()} ({why.code}: {why.message}): ask for "
            "others, or for another runtime or precision",
        )


def exact_cost(space: SearchSpace, name: str, batch: int = 1, precision: str = "fp32") -> ExactCost:
    """Return a function for a cost that follows from the layers alone.

    Args:
        space: The space.
        name: `num_macs` of one image, `num_params` or `peak_memory_bytes`.
        batch: Images of one inference, which memory is for.
        precision: Of the files, likewise.

    Raises:
        UsageError: `unknown_cost`.
    """
    if name == "peak_memory_bytes":
        return peak_memory_of(space, batch, precision)
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
