"""The contract of a runtime."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import ExecutionContext

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
