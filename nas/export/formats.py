"""The formats that networks are delivered in."""

from collections.abc import Callable
from typing import Final

from nas.export.metadata import ExportMetadata
from nas.export.onnx import export_onnx
from search_spaces.errors import UsageError
from search_spaces.modules.static import StaticNetwork

Exporter = Callable[[StaticNetwork, ExportMetadata], bytes]

FORMATS: Final[dict[str, Exporter]] = {"onnx": export_onnx}


def get_format(name: str) -> Exporter:
    """Return what writes a format.

    Raises:
        UsageError: `unknown_format`, naming those there are.
    """
    if name not in FORMATS:
        raise UsageError("unknown_format", f"no format '{name}'; there are {', '.join(FORMATS)}")
    return FORMATS[name]
