"""Files that are only timed: lone layers, and networks with random weights, in the precision of a context.

What writes them loads torch, which takes a second and some hundred megabytes. It is loaded with the first
file: most searches find everything measured, and who watches a search writes none.
"""

import importlib
from typing import Any

from nas.export.metadata import ExportMetadata
from search_spaces.layers import LayerSpec
from search_spaces.network import Node


def layer_file(spec: LayerSpec, precision: str) -> bytes:
    """Return a lone layer as lookup tables of a precision measure it.

    Raises:
        UsageError: `unsupported_operator` or `not_quantisable`.
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    if precision == "fp32":
        return bytes(_writer("onnx").export_layer(spec))
    return bytes(_writer("quantize").quantised_layer(spec))


def network_file(nodes: tuple[Node, ...], metadata: ExportMetadata, precision: str) -> bytes:
    """Return a network with random weights, the same ones each time.

    Args:
        nodes: The network.
        metadata: What the file says about itself.
        precision: Of the file.

    Raises:
        UsageError: `unsupported_operator` or `not_quantisable`.
        MeasurementError: `telemetry_on` or `runtime_missing`.
    """
    content = bytes(_writer("onnx").export_untrained(nodes, metadata))
    return content if precision == "fp32" else bytes(_writer("quantize").quantise_on_noise(content))


def _writer(name: str) -> Any:
    return importlib.import_module(f"nas.export.{name}")
