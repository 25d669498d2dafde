"""What networks are made of, counted from their layers: the features of a predictor without a table.

Each feature is a physical amount that takes time on any hardware: steps to start, arithmetic to do, bytes to
move. They follow from the operations of a layer, so they exist for every search space.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from latency_predictors.slot_costs import SlotCosts
from search_spaces.base import FloatArray, IntArray, SearchSpace
from search_spaces.layers import LayerSpec
from search_spaces.operations import OperationKind
from search_spaces.slot_tables import distinct_layers

FEATURES: Final = (
    "inferences",
    "convolutions",
    "grouped_convolutions",
    "linears",
    "others",
    "macs",
    "grouped_macs",
    "activation_values",
    "weights",
)
"""Names, in the order of columns. `macs` are those of all steps but grouped convolutions, which have a column
of their own; `activation_values` are read and written by the steps; `inferences` is 1."""

MACS: Final = (FEATURES.index("macs"), FEATURES.index("grouped_macs"))
"""The columns whose sum is a network's multiply-accumulates."""

STEPS: Final = slice(0, 5)
"""The columns that count what has to be started, and"""

WORK: Final = slice(5, len(FEATURES))
"""those of what has to be done."""

_KINDS: Final[tuple[OperationKind, ...]] = ("convolution", "grouped_convolution", "linear", "other")

Features = Callable[[IntArray], FloatArray]
"""Gives the features of architectures: (n, choices) to (n, features)."""


def layer_features(spec: LayerSpec) -> tuple[float, ...]:
    """Return what one layer adds to each of `FEATURES`; 0 inferences."""
    steps = spec.operations
    grouped = sum(step.macs for step in steps if step.kind == "grouped_convolution")
    return (
        0.0,
        *(float(sum(step.kind == kind for step in steps)) for kind in _KINDS),
        float(spec.macs - grouped),
        float(grouped),
        float(sum(step.live_values for step in steps)),
        float(spec.num_params),
    )


def network_features(space: SearchSpace) -> Features:
    """Return a function from architectures of a space, (n, choices), to their features, (n, features)."""
    columns = np.array([layer_features(spec) for spec in distinct_layers(space)], dtype=np.float64)
    sums = SlotCosts(space, columns)

    def features(archs: IntArray) -> FloatArray:
        found = sums(archs).astype(np.float64)
        found[:, 0] = 1.0
        return found

    return features
