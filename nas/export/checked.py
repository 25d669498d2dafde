"""A network made into a file that is checked and scored: nothing else is published."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Part
from nas.data.dataset import Dataset
from nas.data.decode import RESIZE_RULE
from nas.evaluation import classify
from nas.export.classifier import OnnxClassifier, scaled
from nas.export.metadata import describe
from nas.export.onnx import export_onnx
from nas.export.quantize import NUM_RANGE_IMAGES, quantise
from nas.export.verify import check_parity
from nas.specs import Precision
from nas.training.batch_norm import calibration_images
from search_spaces.base import Architecture, SearchSpace, architecture_digest
from search_spaces.errors import MeasurementError, UsageError
from search_spaces.modules.static import StaticNetwork

_PARITY_IMAGES: Final = 64
_RANGE_SEED: Final = 0


@dataclass(frozen=True, eq=False)
class CheckedFile:
    """A network as it left torch.

    Attributes:
        architecture_digest: SHA-256 of its architecture.
        path: Where the file is kept.
        num_bytes: Its size.
        max_difference: Of a logit, between torch and the file before quantisation.
        predicted: The class that it gives each validation image, (n,).
        correct: Whether that is the image's own, (n,).
        unquantised: The same before quantisation; None where the file is fp32.
    """

    architecture_digest: str
    path: Path
    num_bytes: int
    max_difference: float
    predicted: NDArray[np.uint16]
    correct: NDArray[np.bool_]
    unquantised: NDArray[np.bool_] | None = None


def export_checked(
    static: StaticNetwork,
    space: SearchSpace,
    architecture: Architecture,
    dataset: Dataset,
    keep: Callable[[bytes], Path],
    precision: Precision = "fp32",
) -> CheckedFile:
    """Export a network, keep the file, compare it with torch, score it.

    An int8 file is made of the fp32 one once that was compared and scored; only the int8 file is kept.

    Args:
        static: The network.
        space: That its architecture belongs to, whatever its weights.
        architecture: In canonical form.
        dataset: Its part `validation` is scored; ranges of int8 are taken over images of its part `train`.
        keep: Keeps the file; returns where it is.
        precision: Of the file.

    Raises:
        ArtifactError: `export_mismatch`; the file must not be used.
        UsageError: `not_quantisable`.
    """
    metadata = describe(
        space,
        architecture,
        class_names=dataset.class_names,
        dataset_digest=dataset.digest,
        resize_rule=RESIZE_RULE,
    )
    content = export_onnx(static, metadata)
    if precision == "fp32":
        return _checked(static, content, dataset, keep, architecture_digest(space, architecture))
    with tempfile.TemporaryDirectory(prefix="hwnas-fp32-") as folder:

        def put(written: bytes) -> Path:
            path = Path(folder) / "fp32.onnx"
            path.write_bytes(written)
            return path

        before = _checked(static, content, dataset, put, architecture_digest(space, architecture))
    return _quantised(before, content, metadata.resolution, dataset, keep)


def _checked(
    static: StaticNetwork, content: bytes, dataset: Dataset, keep: Callable[[bytes], Path], digest: str
) -> CheckedFile:
    path = keep(content)
    images = dataset.images("validation", static.nodes[0].spec.in_shape[1])
    parity = check_parity(static, path, images[:_PARITY_IMAGES])
    predicted = classify_file(path, dataset, "validation")
    return CheckedFile(
        architecture_digest=digest,
        path=path,
        num_bytes=len(content),
        max_difference=parity.max_difference,
        predicted=predicted,
        correct=predicted == dataset.labels("validation"),
    )


def _quantised(
    before: CheckedFile, content: bytes, side: int, dataset: Dataset, keep: Callable[[bytes], Path]
) -> CheckedFile:
    images = scaled(calibration_images(dataset, side, NUM_RANGE_IMAGES, _RANGE_SEED))
    made = quantise(content, images, f"{len(images)} training images, seed {_RANGE_SEED}")
    path = keep(made)
    try:
        predicted = classify_file(path, dataset, "validation")
    except MeasurementError as error:
        raise UsageError(
            "not_quantisable",
            f"the int8 form of this network does not run ({error.message}): ask for precision fp32",
        ) from error
    return CheckedFile(
        architecture_digest=before.architecture_digest,
        path=path,
        num_bytes=len(made),
        max_difference=before.max_difference,
        predicted=predicted,
        correct=predicted == dataset.labels("validation"),
        unquantised=before.correct,
    )


def score_file(path: Path, dataset: Dataset, part: Part) -> NDArray[np.bool_]:
    """Return for each image of a part whether an exported file gets it right, (n,)."""
    return np.equal(classify_file(path, dataset, part), dataset.labels(part))


def classify_file(path: Path, dataset: Dataset, part: Part) -> NDArray[np.uint16]:
    """Return for each image of a part the class that an exported file gives it, (n,)."""
    classifier = OnnxClassifier(path)
    return classify(classifier.run, dataset.images(part, classifier.metadata.resolution))
