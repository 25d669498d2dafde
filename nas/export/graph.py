"""An ONNX graph under construction: nodes in order of execution, parameters, constants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

# Pinned, so that equal networks give equal bytes whichever version of `onnx` is installed; both are older
# than they could be, so that runtimes of the last two years read the files.
OPSET_VERSION: Final = 20
IR_VERSION: Final = 10

PRODUCER: Final = "hwnas"
EXPORTER_VERSION: Final = "1"
"""Goes up when an equal network gives another file."""

BATCH: Final = "batch"

Array = NDArray[np.float32] | NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor of the graph.

    Attributes:
        name: Unique in the graph.
        shape: Of one image, without the batch.
    """

    name: str
    shape: tuple[int, ...]


class GraphBuilder:
    """Gathers the nodes of one graph with one input.

    Args:
        input_name: Name of the input.
        input_shape: (C, H, W) of one image; the batch is dynamic.
    """

    def __init__(self, input_name: str, input_shape: tuple[int, ...]) -> None:
        self.input = Value(input_name, input_shape)
        # Written in place: putting a finished graph into a model would copy all weights.
        self._model = helper.make_model(
            GraphProto(name=PRODUCER),
            producer_name=PRODUCER,
            producer_version=EXPORTER_VERSION,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET_VERSION)],
        )

    def add(
        self, operator: str, inputs: Sequence[str], name: str, shape: tuple[int, ...], **attributes: Any
    ) -> Value:
        """Append a node with one output, which has the node's name."""
        self._model.graph.node.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return Value(name, shape)

    def parameter(self, name: str, array: NDArray[np.float32]) -> str:
        """Add trained values. Only these become initialisers, so that their count is that of the network."""
        assert array.dtype == np.float32, f"{name} is {array.dtype}"
        self._model.graph.initializer.add(
            name=name,
            dims=array.shape,
            data_type=TensorProto.FLOAT,
            raw_data=array.astype("<f4", copy=False).tobytes(),
        )
        return name

    def constant(self, name: str, array: Array) -> str:
        """Add a number that belongs to the structure, such as an axis or a bound."""
        value = numpy_helper.from_array(array)
        self._model.graph.node.append(helper.make_node("Constant", [], [name], name, value=value))
        return name

    def model(self, output: Value, output_name: str, metadata: Mapping[str, str]) -> ModelProto:
        """Finish the graph.

        Args:
            output: What becomes the graph's output.
            output_name: The name it gets.
            metadata: Properties of the file.
        """
        if output == self.input:  # a graph may not pass its input on untouched
            output = self.add("Identity", [output.name], output_name, output.shape)
        self._rename(output.name, output_name)
        self._model.graph.input.append(_described(self.input))
        self._model.graph.output.append(_described(Value(output_name, output.shape)))
        helper.set_model_props(self._model, dict(metadata))
        return self._model

    def _rename(self, old: str, new: str) -> None:
        for node in self._model.graph.node:
            for names in (node.input, node.output):
                for index, name in enumerate(names):
                    if name == old:
                        names[index] = new


def _described(value: Value) -> ValueInfoProto:
    return helper.make_tensor_value_info(value.name, TensorProto.FLOAT, (BATCH, *value.shape))
