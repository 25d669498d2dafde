"""Bytes of an exported ONNX file, before it is exported: its weights, and what describes them.

Weights take four bytes each in fp32. In int8 they take one, and each output channel seventeen: its bias, and
the scales and zero points of bias and weights. Names, shapes and attributes take some hundred bytes a layer
or step, and much more in int8, where conversions stand around everything: fitted to 75 exported networks of
three presets, and to 63 in int8. In chains this is within 1.1 % of what describes the weights (0.05 % of the
file), in int8 within 0.2 %; cells also have sums and zeros that no layer stands for: 22 % of it (1.6 % of the
file), in int8 15 % (6 % of the file). What the file says of itself grows with the names of the classes, of
which only the number is known here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from search_spaces.operations import Operation
from search_spaces.sampling import as_architecture, smallest
from search_spaces.slot_tables import distinct_layers


@dataclass(frozen=True)
class _Format:
    """How many bytes a file takes in one precision.

    Attributes:
        weight: Of a weight of a convolution or a linear step.
        bias: Of one of their biases, with the scales and zero points of its output channel.
        file: Of the file apart from its layers.
        layers: Of a layer by its kind, weights apart.
        step: For each step of an inverted residual, which has more or fewer, and of kinds not listed.
        squeeze: For an inverted residual with squeeze-excite, beside its steps.
        residual: For one that adds its input.
        swish: For one with hard-swish.
        chain_share: Half width of the interval for chains, as a share of what describes the weights.
        other_share: The same for other spaces.
    """

    weight: float
    bias: float
    file: float
    layers: Mapping[str, float]
    step: float
    squeeze: float = 0.0
    residual: float = 0.0
    swish: float = 0.0
    chain_share: float = 0.03
    other_share: float = 0.30

    def described(self, spec: LayerSpec) -> float:
        """Return the bytes of a layer that are not those of weights and biases."""
        found = self.layers.get(spec.kind, 0.0)
        if spec.kind not in self.layers or spec.kind == InvertedResidual.kind:
            found += self.step * len(spec.operations)
        if isinstance(spec, InvertedResidual):
            found += self.squeeze * bool(spec.squeeze) + self.residual * spec.residual
            found += self.swish * (spec.activation == "hard_swish")
        return found

    def weights(self, spec: LayerSpec) -> float:
        """Return the bytes of its weights and biases; what has none of both is kept as floats."""
        return sum(self._held(operation) for operation in spec.operations)

    def _held(self, operation: Operation) -> float:
        if not operation.biases:
            return _FLOAT_BYTES * operation.params
        return self.weight * (operation.params - operation.biases) + self.bias * operation.biases


_FLOAT_BYTES: Final = 4
_FP32: Final = _Format(
    weight=4.0,
    bias=4.0,
    file=1508.0,
    layers={
        ActConvNorm.kind: 352.0,
        AveragePool.kind: 176.0,
        BasicBlock.kind: 1233.0,
        ConvNormAct.kind: 855.0,
        InvertedResidual.kind: -170.0,
        NormAct.kind: 616.0,
        Normalize.kind: 0.0,  # every file has one of these and of the next: they are in `file`
        PooledHead.kind: 0.0,
    },
    step=471.0,
)
_INT8: Final = _Format(
    weight=1.0,
    bias=17.0,  # four each for bias, its scale and zero point, the weights' scale; one for their zero point
    file=5525.0,
    layers={
        ActConvNorm.kind: 2359.0,
        AveragePool.kind: 660.0,
        BasicBlock.kind: 4909.0,
        ConvNormAct.kind: 1759.0,
        InvertedResidual.kind: 95.0,
        NormAct.kind: 1234.0,
        Normalize.kind: 0.0,
        PooledHead.kind: 0.0,
    },
    step=1636.0,
    squeeze=1489.0,
    residual=392.0,
    swish=1251.0,
    other_share=0.2,
)
_FORMATS: Final = {"fp32": _FP32, "int8": _INT8}

_CLASS_BYTES: Final = 12.0
"""A name of eight letters with quotes, comma and space."""
_LONGEST_CLASS_BYTES: Final = 40.0


def file_bytes_of(space: SearchSpace, precision: str = "fp32") -> Callable[[IntArray], Costs]:
    """Return a function from architectures, (n, choices), to the size of their files in bytes.

    Args:
        space: The space.
        precision: Of the files.
    """
    form = _FORMATS[precision]
    columns = [(form.weights(spec), form.described(spec)) for spec in distinct_layers(space)]
    sums = SlotCosts(space, np.array(columns, dtype=np.float64))
    share = form.chain_share if is_chain(space) else form.other_share
    head = network(space, as_architecture(smallest(space)[0]))[-1]
    num_classes = head.spec.out_shape[0]

    def predict(archs: IntArray) -> Costs:
        weights, described = np.asarray(sums(archs), dtype=np.float64).T
        described = described + form.file
        unnamed = weights + described
        return Costs(
            point=unnamed + _CLASS_BYTES * num_classes,
            lower=unnamed - share * described,
            upper=unnamed + share * described + _LONGEST_CLASS_BYTES * num_classes,
            coverage=np.ones(len(weights)),
            kind="fitted",
        )

    return predict
