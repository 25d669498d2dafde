"""The contract of a runtime."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import ExecutionContext
from search_spaces.errors import MeasurementError

Images = NDArray[np.float32]
"""N x C x H x W, values in 0..1."""

Logits = NDArray[np.float32]
"""N x classes."""


class Executable(Protocol):
    """A loaded file, ready to run. Measuring calls `run_once`, scoring calls `run`."""

    def run_once(self) -> None:
        """Run one inference at the context's batch on fixed random input; what is timed."""

    def run(self, images_NCHW: Images) -> Logits:
        """Return the first output for images of any batch size."""


class Runtime(Protocol):
    """Loads exported files. One instance serves any number of files and keeps no state."""

    @property
    def name(self) -> str:
        """Name in the catalogue, and of the package."""

    @property
    def file_format(self) -> str:
        """Format of the files it loads, for example `onnx`."""

    def prepare(self, path: Path, context: ExecutionContext) -> Executable:
        """Load a file for a context.

        Raises:
            MeasurementError: `runtime_missing`, `context_mismatch` or `file_not_loadable`.
        """

    def kernels(self, path: Path, context: ExecutionContext) -> tuple[str, ...]:
        """Return the kinds of the kernels that run a file, as the runtime itself tells them.

        Raises:
            MeasurementError: As `prepare`.
        """


def check_context(context: ExecutionContext, runtime: str, installed: str) -> None:
    """Refuse a context that this runtime, as it is installed here, does not run.

    Args:
        context: What is asked for.
        runtime: Name of the runtime.
        installed: Its version.

    Raises:
        MeasurementError: `context_mismatch`.
    """
    if (context.runtime, context.runtime_version) != (runtime, installed):
        raise MeasurementError(
            "context_mismatch",
            f"the context asks for {context.runtime} {context.runtime_version}, here is {runtime} "
            f"{installed}: profile the device again or install that version",
        )


def open_shape(dimensions: Iterable[int | None], batch: int) -> tuple[int, ...]:
    """Return an input's shape with the open dimension, which is the batch, filled in."""
    return tuple(batch if dimension is None else dimension for dimension in dimensions)
