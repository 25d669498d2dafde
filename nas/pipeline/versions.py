"""Versions of what computes results."""

import platform
from importlib.metadata import version
from typing import Final

from nas.export.metadata import hwnas_version

_PACKAGES: Final = ("torch", "onnxruntime", "onnx", "numpy")


def versions() -> dict[str, str]:
    """Return the installed versions by name."""
    return {
        "hwnas": hwnas_version(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }
