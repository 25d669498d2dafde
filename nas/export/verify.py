"""Whether an exported file computes what its network computes. Nothing that fails is published."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from nas.export.classifier import BATCH_SIZE, OnnxClassifier, scaled
from search_spaces.errors import ArtifactError
from search_spaces.modules.static import StaticNetwork

TOLERANCE: Final = 1e-4
"""Largest difference of a logit. Another best class is allowed where logits are closer than twice this."""

_NUM_RANDOM: Final = 16


@dataclass(frozen=True)
class ParityReport:
    """How far an exported file is from the network in torch.

    Attributes:
        num_random: Images of noise that were compared.
        num_real: Images of the data set that were compared.
        max_difference: Largest absolute difference of a logit.
        num_other_class: Images whose best class differs (all of them near ties).
    """

    num_random: int
    num_real: int
    max_difference: float
    num_other_class: int


def check_parity(
    static: StaticNetwork, path: Path, images_NCRR: NDArray[np.uint8], *, seed: int = 0
) -> ParityReport:
    """Compare torch with ONNX Runtime over noise and real images.

    Args:
        static: The network the file was made from, in evaluation mode.
        path: The exported file.
        images_NCRR: Images of the data set at the network's resolution; may be empty.
        seed: Of the noise.

    Raises:
        ArtifactError: `export_mismatch`; the file must not be used.
    """
    assert not static.training, "a network in training mode normalises by the batch: call eval() first"
    shape = (_NUM_RANDOM, *static.nodes[0].spec.in_shape)
    noise = np.random.default_rng(seed).random(shape, dtype=np.float32)
    classifier = OnnxClassifier(path)
    expected, found = _both(static, classifier, noise)
    for start in range(0, len(images_NCRR), BATCH_SIZE):
        both = _both(static, classifier, scaled(images_NCRR[start : start + BATCH_SIZE]))
        expected, found = np.concatenate((expected, both[0])), np.concatenate((found, both[1]))
    return _compared(expected, found, path, len(images_NCRR))


def _both(
    static: StaticNetwork, classifier: OnnxClassifier, images_NCRR: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with torch.inference_mode():
        expected = static(torch.from_numpy(images_NCRR)).numpy()
    return expected, classifier.run_scaled(images_NCRR)


def _compared(
    expected: NDArray[np.float32], found: NDArray[np.float32], path: Path, num_real: int
) -> ParityReport:
    if expected.shape != found.shape:
        raise ArtifactError(
            "export_mismatch",
            f"{path.name} returns shape {found.shape}, torch {expected.shape}: it is not published",
        )
    difference = float(np.abs(expected - found).max())
    if not difference <= TOLERANCE:  # NaN is no match either
        raise ArtifactError(
            "export_mismatch",
            f"{path.name} differs from torch by {difference:.2g} (limit {TOLERANCE:g}): it is not published",
        )
    rows = np.arange(len(expected))
    best, other = expected.argmax(axis=1), found.argmax(axis=1)
    margins = expected[rows, best] - expected[rows, other]
    if (margins >= 2 * TOLERANCE).any():
        raise ArtifactError(
            "export_mismatch",
            f"{path.name} names another class than torch where two logits are {margins.max():.2g} apart: "
            "it is not published",
        )
    return ParityReport(len(expected) - num_real, num_real, difference, int((best != other).sum()))
