"""What a table says of layers, and how far sums over them may be off.

Two sessions of one layer differ by chance, of another layer by another chance: the errors of measured entries
add up in quadrature. A fitted or stale entry is off because a rule or a version is, and the next one is off
the same way: their errors are added as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latency_predictors.correction import Floats
from latency_predictors.lookup_table import LookupTable
from search_spaces.base import FloatArray
from search_spaces.layers import LayerSpec


@dataclass(frozen=True)
class LayerCosts:
    """Entries of n layers as columns, (n,) each. All of them are summed over a network.

    Attributes:
        median_ms: What the layers take.
        variance: Squares of what measured entries may be off, in square milliseconds; 0 for the others.
        doubt_ms: What fitted and stale entries may be off; 0 for measured ones.
        unmeasured_ms: What fitted and stale entries take; 0 for measured ones.
    """

    median_ms: FloatArray
    variance: FloatArray
    doubt_ms: FloatArray
    unmeasured_ms: FloatArray

    @property
    def all_measured(self) -> bool:
        """Whether every entry was measured."""
        return not self.unmeasured_ms.any()

    @property
    def spread_ms(self) -> float:
        """How far the sum over all n may be off."""
        return float(spread_of(self.variance.sum(), self.doubt_ms.sum()))


def layer_costs(table: LookupTable, layers: Sequence[LayerSpec], *, filled: bool = False) -> LayerCosts:
    """Return what a table says of layers.

    Args:
        table: The table.
        layers: In any order, also more than once.
        filled: Whether entries that are fitted or stale do too.

    Raises:
        MeasurementError: `missing_layers`.
    """
    entries = table.entries_of(layers, filled=filled)
    holds = np.array([entry.holds for entry in entries], dtype=bool)
    median = np.array([entry.median_ms for entry in entries])
    off = median * np.array([entry.rel_sd for entry in entries])
    return LayerCosts(median, np.where(holds, off**2, 0.0), off * ~holds, median * ~holds)


def spread_of(variance: Floats, doubt_ms: Floats) -> Floats:
    """Return how far sums may be off, (n,), from the sums of `variance` and `doubt_ms`, (n,) each."""
    spread: Floats = np.sqrt(variance + doubt_ms * doubt_ms)
    return spread
