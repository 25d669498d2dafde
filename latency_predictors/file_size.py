"""Bytes of an exported ONNX file, before it is exported: its weights, and what describes them.

Weights take four bytes each. Names, shapes and attributes take some hundred bytes a layer or step: fitted to
75 exported networks of three presets. In chains this is within 1.1 % of what describes the weights (0.05 % of
the file); cells also have sums and zeros that no layer stands for: 22 % of it (1.6 % of the file). What the
file says of itself grows with the names of the classes, of which only the number is known here.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from latency_predictors.memory import is_chain
from latency_predictors.predictor import Costs
from latency_predictors.slot_costs import SlotCosts
from search_spaces.base import IntArray, SearchSpace
from search_spaces.layers import (
    ActConvNorm,
    AveragePool,
    BasicBlock,
    ConvNormAct,
    InvertedResidual,
    LayerSpec,
    NormAct,
    Normalize,
    PooledHead,
)
from search_spaces.network import network
from search_spaces.sampling import as_architecture, smallest
from search_spaces.slot_tables import distinct_layers

_BYTES_PER_PARAM: Final = 4
_FILE_BYTES: Final = 1508.0
_LAYER_BYTES: Final = {
    ActConvNorm.kind: 352.0,
    AveragePool.kind: 176.0,
    BasicBlock.kind: 1233.0,
    ConvNormAct.kind: 855.0,
    InvertedResidual.kind: -170.0,
    NormAct.kind: 616.0,
    Normalize.kind: 0.0,  # every file has one of these and of the next: they are in `_FILE_BYTES`
    PooledHead.kind: 0.0,
}
_STEP_BYTES: Final = 471.0
"""For each step of an inverted residual, which has more or fewer, and of kinds that are not listed."""
_CLASS_BYTES: Final = 12.0
"""A name of eight letters with quotes, comma and space."""
_LONGEST_CLASS_BYTES: Final = 40.0
_CHAIN_SHARE: Final = 0.03
_OTHER_SHARE: Final = 0.30
"""Half width of the interval, as a share of what describes the weights."""


def file_bytes_of(space: SearchSpace, precision: str = "fp32") -> Callable[[IntArray], Costs]:
    """Return a function from architectures, (n, choices), to the size of their files in bytes."""
    columns = [(spec.num_params, _described_bytes(spec)) for spec in distinct_layers(space)]
    sums = SlotCosts(space, np.array(columns, dtype=np.float64))
    share = _CHAIN_SHARE if is_chain(space) else _OTHER_SHARE
    head = network(space, as_architecture(smallest(space)[0]))[-1]
    num_classes = head.spec.out_shape[0]

    def predict(archs: IntArray) -> Costs:
        params, described = np.asarray(sums(archs), dtype=np.float64).T
        described = described + _FILE_BYTES
        unnamed = _BYTES_PER_PARAM * params + described
        return Costs(
            point=unnamed + _CLASS_BYTES * num_classes,
            lower=unnamed - share * described,
            upper=unnamed + share * described + _LONGEST_CLASS_BYTES * num_classes,
            coverage=np.ones(len(params)),
            kind="fitted",
        )

    return predict


def _described_bytes(spec: LayerSpec) -> float:
    if spec.kind in _LAYER_BYTES and spec.kind != InvertedResidual.kind:
        return _LAYER_BYTES[spec.kind]
    return _LAYER_BYTES.get(spec.kind, 0.0) + _STEP_BYTES * len(spec.operations)
