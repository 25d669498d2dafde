"""A network made into a file that is checked and scored: nothing else is published."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import Part
from nas.data.dataset import Dataset
from nas.data.decode import RESIZE_RULE
from nas.evaluation import score_network
from nas.export.classifier import OnnxClassifier
from nas.export.metadata import describe
from nas.export.onnx import export_onnx
from nas.export.verify import check_parity
from search_spaces.base import Architecture, SearchSpace, architecture_digest
from search_spaces.modules.static import StaticNetwork
from search_spaces.network import resolution

_PARITY_IMAGES: Final = 64


@dataclass(frozen=True, eq=False)
class CheckedFile:
    """A network as it left torch.

    Attributes:
        architecture_digest: SHA-256 of its architecture.
        path: Where the file is kept.
        num_bytes: Its size.
        max_difference: Of a logit, between torch and the file.
        correct: Its answers on all validation images, (n,).
    """

    architecture_digest: str
    path: Path
    num_bytes: int
    max_difference: float
    correct: NDArray[np.bool_]


def export_checked(
    static: StaticNetwork,
    space: SearchSpace,
    architecture: Architecture,
    dataset: Dataset,
    keep: Callable[[bytes], Path],
) -> CheckedFile:
    """Export a network, keep the file, compare it with torch, score it.

    Args:
        static: The network.
        space: That its architecture belongs to, whatever its weights.
        architecture: In canonical form.
        dataset: Its part `validation` is scored.
        keep: Keeps the file; returns where it is.

    Raises:
        ArtifactError: `export_mismatch`; the file must not be used.
    """
    metadata = describe(
        space,
        architecture,
        class_names=dataset.class_names,
        dataset_digest=dataset.digest,
        resize_rule=RESIZE_RULE,
    )
    content = export_onnx(static, metadata)
    path = keep(content)
    images = dataset.images("validation", resolution(space, architecture))
    parity = check_parity(static, path, images[:_PARITY_IMAGES])
    return CheckedFile(
        architecture_digest=architecture_digest(space, architecture),
        path=path,
        num_bytes=len(content),
        max_difference=parity.max_difference,
        correct=score_file(path, dataset, "validation"),
    )


def score_file(path: Path, dataset: Dataset, part: Part) -> NDArray[np.bool_]:
    """Return for each image of a part whether an exported file gets it right, (n,)."""
    classifier = OnnxClassifier(path)
    images = dataset.images(part, classifier.metadata.resolution)
    return score_network(classifier.run, images, dataset.labels(part))
