"""The runtimes that networks are measured and scored with, behind one small protocol.

`RUNTIMES` names them; making one loads nothing, `prepare` does.
"""

from importlib.metadata import PackageNotFoundError, version

from latency_predictors.runtimes.onnxruntime import OnnxRuntime
from latency_predictors.runtimes.openvino import OpenVino
from latency_predictors.runtimes.runtime import Executable, Runtime
from search_spaces.errors import UsageError

__all__ = ["RUNTIMES", "Executable", "Runtime", "get_runtime", "is_installed"]

RUNTIMES: dict[str, Runtime] = {"onnxruntime": OnnxRuntime(), "openvino": OpenVino()}


def get_runtime(name: str) -> Runtime:
    """Return a runtime by name.

    Raises:
        UsageError: `unknown_runtime`, naming those there are.
    """
    if name not in RUNTIMES:
        raise UsageError("unknown_runtime", f"no runtime '{name}'; there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name]


def is_installed(name: str) -> bool:
    """Return whether a runtime is installed here, without loading it."""
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
