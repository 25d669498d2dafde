"""`shapes`: a deterministic synthetic image set of any number, size and difficulty, for benchmarks.

An image shows one shape (its outline and what is cut out of it make the class) at a random place, size, angle
and colour on a cluttered ground, under an occluding bar, texture and noise. Hexagon and disc
differ in a pixel or two, so that resolution, kernels and width matter.

Every image has its own random words: Philox (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011) keyed by seed and part, its counter set to the image's index. No image depends on how many others are
drawn, or when.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from nas.data.contents import PART_CODE, PARTS, Contents, Part
from nas.data.dataset import Dataset
from nas.data.decode import resize
from nas.data.shape_painter import NUM_UNIFORMS, Painter
from nas.data.shape_templates import class_names
from nas.data.source import EVERY, Resized
from nas.data.spec import ShapesSpec
from nas.data.splits import make_folds
from search_spaces.base import IntArray

DRAWING_VERSION: Final = 1
"""Rises whenever the same specification gives other pixels."""
PIXELS_AT_ONCE: Final = 24_576
"""Keeps planes below the size from which the C library fetches fresh memory each time."""


@final
class ShapesSource:
    """Draws the images of a specification, in batches."""

    costly: Final = False

    def __init__(self, spec: ShapesSpec) -> None:
        """Tabulate the shapes; draws nothing."""
        self._spec = spec
        self._painter = Painter(spec.num_classes, spec.size, spec.difficulty)
        self._counts = counts(spec)

    def resized(self, part: Part, resolutions: tuple[int, ...], rows: slice = EVERY) -> Iterator[Resized]:
        """Yield images of a part in order, at each resolution."""
        step = max(1, PIXELS_AT_ONCE // self._spec.size**2)
        chosen = np.arange(self._counts[part])[rows]
        for start in range(0, len(chosen), step):
            for image in self.draw(part, chosen[start : start + step]):
                yield tuple(resize(image, resolution) for resolution in resolutions)

    def draw(self, part: Part, indices: IntArray) -> NDArray[np.uint8]:
        """Draw some images of a part; shape (len(indices), size, size, 3)."""
        words = np.stack([self._words(part, index) for index in indices.tolist()])
        uniforms = ((words[:, :NUM_UNIFORMS] >> np.uint64(40)).astype(np.float32)) * np.float32(2.0**-24)
        noise = np.ascontiguousarray(words[:, NUM_UNIFORMS:]).astype("<u8").view(np.uint8)
        return self._painter.paint(labels_of(self._spec, indices), uniforms, noise)

    def fingerprint(self) -> str:
        """Return a digest of the specification and the drawing's version: they decide every pixel."""
        return hashlib.sha256(f"shapes {DRAWING_VERSION} {self._spec.model_dump_json()}".encode()).hexdigest()

    def _words(self, part: Part, index: int) -> NDArray[np.uint64]:
        generator = np.random.Philox(key=[self._spec.seed, PART_CODE[part]], counter=[0, index, 0, 0])
        num_noise_bytes = 2 * 3 * self._spec.size**2
        return generator.random_raw(NUM_UNIFORMS + -(-num_noise_bytes // 8))


def counts(spec: ShapesSpec) -> dict[Part, int]:
    """Return the number of images of each part."""
    return {"train": spec.num_train, "validation": spec.num_validation, "test": spec.num_test}


def labels_of(spec: ShapesSpec, indices: IntArray) -> IntArray:
    """Return the classes of images: they take turns, so that every stretch is balanced."""
    return indices.astype(np.int64) % spec.num_classes


def open_shapes(spec: ShapesSpec, cache_dir: Path | None = None) -> Dataset:
    """Open the synthetic image set; nothing is drawn before images are asked for."""
    labels = {part: labels_of(spec, np.arange(count)) for part, count in counts(spec).items()}
    contents = Contents(
        name=spec.name,
        class_names=class_names(spec.num_classes),
        num_channels=3,
        labels={part: labels[part] for part in PARTS},
        folds=make_folds(labels["validation"], spec.seed),
    )
    return Dataset(contents, ShapesSource(spec), cache_dir=cache_dir)
