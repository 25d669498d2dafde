"""Distance tables of the shapes that `shapes` draws: outlines, what is cut out of them, and clutter.

Only additions, products, comparisons and square roots are used, and trigonometric constants are rounded:
these give the same bits on every machine, sines and matrix products need not.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from search_spaces.base import FloatArray

TABLE_SIDE: Final = 128
"""Cells on each side of a table."""
EXTENT: Final = 1.5
"""A table covers -EXTENT..EXTENT in both directions; shapes have an area of about 1.9."""

Shape = Callable[[FloatArray, FloatArray], FloatArray]
"""Signed distance (negative inside) at points (x, y); approximate outside corners, exact at edges."""


def _polygon(num_sides: int, inradius: float, *, may_violate: int = 0) -> Shape:
    """A regular polygon, or with one side that may be violated its star {n/2}."""
    angles = [2.0 * math.pi * k / num_sides - math.pi / 2 for k in range(num_sides)]
    normals = [(round(math.cos(angle), 6), round(math.sin(angle), 6)) for angle in angles]

    def distance(x: FloatArray, y: FloatArray) -> FloatArray:
        sides = np.stack([x * nx + y * ny - inradius for nx, ny in normals])
        return np.asarray(np.sort(sides, axis=0)[num_sides - 1 - may_violate])

    return distance


def _disc(radius: float, cx: float = 0.0, cy: float = 0.0) -> Shape:
    return lambda x, y: np.sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy)) - radius


def _box(half_width: float, half_height: float, cx: float = 0.0, cy: float = 0.0) -> Shape:
    return lambda x, y: np.maximum(np.abs(x - cx) - half_width, np.abs(y - cy) - half_height)


def _union(*shapes: Shape) -> Shape:
    return lambda x, y: np.minimum.reduce([shape(x, y) for shape in shapes])


def _cut(shape: Shape, *holes: Shape) -> Shape:
    return lambda x, y: np.maximum.reduce([shape(x, y), *(-hole(x, y) for hole in holes)])


OUTLINES: Final[dict[str, Shape]] = {
    "disc": _disc(0.78),
    "triangle": _polygon(3, 0.60),
    "square": _polygon(4, 0.69),
    "hexagon": _polygon(6, 0.74),
    "star": _polygon(5, 0.40, may_violate=1),
    "cross": _union(_box(1.0, 0.32), _box(0.32, 1.0)),
    "crescent": _cut(_disc(0.90, 0.30, 0.0), _disc(0.62, 0.98, 0.0)),
    "arrow": _union(_polygon(3, 0.45), _box(0.25, 0.5, 0.0, -0.75)),
    "pentagon": _polygon(5, 0.72),
    "hexagram": _polygon(6, 0.56, may_violate=1),
}
DETAILS: Final[dict[str, tuple[Shape, ...]]] = {
    "": (),
    " with a hole": (_disc(0.27),),
    " with a slot": (_box(0.36, 0.15),),
    " with two holes": (_disc(0.17, 0.25, 0.0), _disc(0.17, -0.25, 0.0)),
}
CLUTTER: Final[tuple[Shape, ...]] = (
    _box(1.3, 0.09),
    _box(1.1, 0.25),
    _disc(0.4),
    _cut(_disc(0.9), _disc(0.66), _box(1.5, 1.5, 0.0, 1.5)),
    _cut(_polygon(4, 0.7), _box(1.5, 1.5, 1.6, 0.3)),
    _cut(_polygon(5, 0.7), _box(1.5, 1.5, -1.5, 0.0)),
    _cut(_polygon(3, 0.6), _box(1.5, 1.5, 0.0, -1.4)),
    _union(_box(0.9, 0.12, 0.0, 0.5), _box(0.12, 0.8, 0.5, 0.0)),
)
MAX_CLASSES: Final = len(OUTLINES) * len(DETAILS)


def class_names(num_classes: int) -> tuple[str, ...]:
    """Name the classes: outlines with the first two details, then with the other two."""
    return tuple(outline + detail for outline, detail in map(_class, range(num_classes)))


def distance_tables(num_classes: int) -> NDArray[np.float32]:
    """Tabulate all classes, then the clutter; shape (classes + clutter, side, side), rows are y."""
    cells = ((np.arange(TABLE_SIDE) + 0.5) * 2.0 / TABLE_SIDE - 1.0) * EXTENT
    x, y = np.meshgrid(cells, cells)
    shapes = [
        _cut(OUTLINES[outline], *DETAILS[detail]) for outline, detail in map(_class, range(num_classes))
    ]
    return np.stack([shape(x, y) for shape in (*shapes, *CLUTTER)]).astype(np.float32)


def _class(index: int) -> tuple[str, str]:
    outlines, details = list(OUTLINES), list(DETAILS)
    return outlines[index // 2 % len(outlines)], details[index % 2 + 2 * (index // (2 * len(outlines)))]
