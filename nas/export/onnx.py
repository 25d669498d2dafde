"""Static networks and lone layers as ONNX files, in milliseconds and to the byte.

Contract: input `image`, float32, (batch, C, R, R) in 0..1; output `logits`, (batch, classes); normalisation
inside the graph; dynamic batch; batch norm folded, so that the layers in a delivered network are those in the
lookup table. `docs/decisions/0004-onnx-exporter.md` says why the exporter is our own.

Tracing replaces `torch.nn.Module.__call__` while it lasts: no other thread may run torch modules meanwhile.
"""

from collections import Counter
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor, fx, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from nas.export.graph import GraphBuilder, Value
from nas.export.metadata import INPUT_NAME, OUTPUT_NAME, ExportMetadata
from nas.export.operators import FUNCTIONS, MODULES, Step, unsupported
from search_spaces.base import IMAGE
from search_spaces.layers import LayerSpec
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import Node

LAYER_OUTPUT_NAME: Final = "output"
_LAYER_SLOT: Final = "layer"
_RANDOM_VALUES: Final = 65_536


def export_onnx(static: StaticNetwork, metadata: ExportMetadata) -> bytes:
    """Write a network.

    Args:
        static: The network; its settled batch-norm statistics are used in either mode.
        metadata: What the file says about itself.

    Returns:
        The file. Equal networks and metadata give equal bytes.

    Raises:
        UsageError: `unsupported_operator`, naming the step.
    """
    content = _serialized(trace(static, OUTPUT_NAME, metadata.properties()))
    onnx.checker.check_model(content)
    return content


def export_untrained(nodes: tuple[Node, ...], metadata: ExportMetadata, seed: int = 0) -> bytes:
    """Write a network with random weights, for its time alone: it depends on shapes, not on what was learnt.

    Args:
        nodes: The network.
        metadata: As for `export_onnx`.
        seed: Of the weights: a file that cannot be run is told by its bytes when it is asked for again.
    """
    with _WithoutInitialisation():
        static = StaticNetwork(nodes)
    _randomise(static, np.random.default_rng(seed))
    return export_onnx(static.eval(), metadata)


def export_layer(spec: LayerSpec, seed: int = 0) -> bytes:
    """Write one layer with random weights, as it stands in a network: what lookup tables measure.

    Args:
        spec: The layer.
        seed: Of the weights.

    Returns:
        The file: input `image`, (batch, *in_shape), output `output`.
    """
    with _WithoutInitialisation():
        network = StaticNetwork((Node(_LAYER_SLOT, spec, (IMAGE,)),))
    _randomise(network, np.random.default_rng(seed))
    return _serialized(trace(network, LAYER_OUTPUT_NAME, {"layer": spec.signature(), "seed": str(seed)}))


def trace(network: StaticNetwork, output_name: str, properties: dict[str, str]) -> onnx.ModelProto:
    """Follow a network's forward pass and write each step.

    Raises:
        UsageError: `unsupported_operator`.
    """
    # Torch annotates this as exactly one module; none is needed, and each costs a millisecond.
    steps = _LeafTracer(autowrap_modules=()).trace(network)  # type: ignore[arg-type]
    modules = dict(network.named_modules())
    writer = _Writer(GraphBuilder(INPUT_NAME, network.nodes[0].spec.in_shape), modules)
    for node in steps.nodes:
        writer.write(node)
    return writer.graph.model(writer.output, output_name, properties)


class _LeafTracer(fx.Tracer):
    """Stops at the modules that the table knows, and at everything of torch itself so that errors name it."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in MODULES or super().is_leaf_module(m, module_qualified_name)


class _WithoutInitialisation(TorchFunctionMode):
    """Leaves new weights as they are: drawing them takes longer than writing the file."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", None) == init.__name__:
            return given.get("tensor", *args[:1])
        return func(*args, **given)


class _Writer:
    """Turns traced calls into nodes, one after the other."""

    def __init__(self, graph: GraphBuilder, modules: dict[str, nn.Module]) -> None:
        self.graph = graph
        self.output = graph.input
        self._modules = modules
        self._values: dict[fx.Node, Value] = {}
        self._names: Counter[str] = Counter()

    def write(self, node: fx.Node) -> None:
        if node in self._values:  # a batch norm that its convolution has taken in
            return
        inputs, constants = _arguments(node, self._values)
        if node.op == "placeholder":
            self._values[node] = self.graph.input
        elif node.op == "output":
            (self.output,) = inputs
        else:
            self._call(node, inputs, constants)

    def _call(self, node: fx.Node, inputs: tuple[Value, ...], constants: tuple[Any, ...]) -> None:
        module, name = self._module(node), self._name(node)
        emit = FUNCTIONS.get(node.target) if callable(node.target) else MODULES.get(type(module))
        if emit is None:
            raise unsupported(name, node.op.replace("_", " ") if module is None else type(module).__name__)
        norm = self._following_norm(node) if isinstance(module, nn.Conv2d) else None
        step = Step(name, inputs, constants, module, None if norm is None else self._module(norm))
        self._values[node] = emit(self.graph, step)
        if norm is not None:
            self._values[norm] = self._values[node]

    def _module(self, node: fx.Node) -> Any:
        return self._modules[str(node.target)] if node.op == "call_module" else None

    def _following_norm(self, node: fx.Node) -> fx.Node | None:
        users = list(node.users)
        if len(users) == 1 and type(self._module(users[0])) is nn.BatchNorm2d:
            return users[0]
        return None

    def _name(self, node: fx.Node) -> str:
        """Return `slot/step`, with a number from the second call on."""
        if node.op == "call_module":
            name = _readable(str(node.target))
        else:
            scopes = list(node.meta.get("nn_module_stack", {}).values())
            scope = f"{_readable(scopes[-1][0])}/" if scopes else ""
            name = scope + getattr(node.target, "__name__", str(node.target))
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"


def _arguments(node: fx.Node, values: dict[fx.Node, Value]) -> tuple[tuple[Value, ...], tuple[Any, ...]]:
    tensors: list[Value] = []
    constants: list[Any] = []
    for argument in (*node.args, *node.kwargs.values()):
        for item in argument if isinstance(argument, tuple | list) else (argument,):
            if isinstance(item, fx.Node):
                tensors.append(values[item])
            else:
                constants.append(item)
    return tuple(tensors), tuple(constants)


def _readable(path: str) -> str:
    """Turn `layers.stage1/block1.convs.expand.conv` into `stage1.block1/expand`."""
    slot, *steps = path.removeprefix("layers.").split(".")
    inner = [step for step in steps if step != "convs"]
    if len(inner) > 1 and inner[-1] == "conv":
        inner.pop()
    return "/".join((slot.replace("/", "."), *inner))


def _randomise(network: nn.Module, rng: np.random.Generator) -> None:
    """Fill in weights whose activations stay near 1, and statistics that are not the initial ones.

    The values repeat after a while: what a layer costs depends on its shapes, as long as no activation
    becomes so small that the processor computes it slowly.
    """
    noise = rng.random(_RANDOM_VALUES, dtype=np.float32)
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.is_floating_point():
            start = int(rng.integers(_RANDOM_VALUES // 2))
            values = noise[start : start + tensor.numel()]
            low, high = _bounds(name, tensor)
            spread = np.resize(values * np.float32(high - low) + np.float32(low), tuple(tensor.shape))
            tensor.data.copy_(torch.from_numpy(spread))


def _bounds(name: str, tensor: Tensor) -> tuple[float, float]:
    if name.endswith(("norm.weight", "running_var", "deviation")):
        return 0.5, 1.5
    if tensor.dim() == 1:
        return -0.1, 0.1
    bound = (3 / int(np.prod(tensor.shape[1:]))) ** 0.5
    return -bound, bound


def _serialized(model: onnx.ModelProto) -> bytes:
    return bytes(model.SerializeToString(deterministic=True))
