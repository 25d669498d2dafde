"""An exported network as anybody who downloads it runs it: scoring goes through here, never through torch."""

from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from latency_predictors.device import ExecutionContext, host_context
from latency_predictors.runtimes import get_runtime
from nas.export.metadata import ExportMetadata
from nas.export.onnx_file import read_onnx
from search_spaces.errors import ArtifactError

BATCH_SIZE: Final = 64


@final
class OnnxClassifier:
    """A loaded file.

    Attributes:
        metadata: What the file says about itself.
    """

    def __init__(self, path: Path, context: ExecutionContext | None = None) -> None:
        """Load a file.

        Args:
            path: An exported network.
            context: How to run it; by default one thread of ONNX Runtime as it is installed here.

        Raises:
            ArtifactError: `damaged_file` or `missing_metadata`.
            MeasurementError: From the runtime: `telemetry_on`, `context_mismatch`, `file_not_loadable`, ...
        """
        context = context or host_context()
        self.metadata = read_metadata(path)
        self._executable = get_runtime(context.runtime).prepare(path, context)

    def run(self, images_NCRR: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits, (N, classes), of images under the resize rule at the network's resolution."""
        logits = np.empty((len(images_NCRR), len(self.metadata.class_names)), dtype=np.float32)
        for start in range(0, len(images_NCRR), BATCH_SIZE):
            part = slice(start, start + BATCH_SIZE)
            logits[part] = self.run_scaled(scaled(images_NCRR[part]))
        return logits

    def run_scaled(self, images_NCRR: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the logits of one batch with values in 0..1; shape (N, classes)."""
        return self._executable.run(images_NCRR)


def scaled(images_NCRR: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images with values in 0..1, as networks take them."""
    assert images_NCRR.dtype == np.uint8, f"images have to be bytes, got {images_NCRR.dtype}"
    return images_NCRR.astype(np.float32) / np.float32(255)


def read_metadata(path: Path) -> ExportMetadata:
    """Return what an exported file says about itself.

    Raises:
        ArtifactError: `damaged_file` or `missing_metadata`.
    """
    try:
        found = read_onnx(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError(
            "damaged_file", f"{path.name} cannot be read as ONNX ({error}): export it again"
        ) from error
    return ExportMetadata.from_properties(found.properties)
