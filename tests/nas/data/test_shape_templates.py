import numpy as np
import pytest

from nas.data.shape_templates import (
    CLUTTER,
    EXTENT,
    MAX_CLASSES,
    OUTLINES,
    TABLE_SIDE,
    class_names,
    distance_tables,
)

CELL = 2.0 * EXTENT / TABLE_SIDE


def area(name: str) -> float:
    """Area of a shape by counting cells inside."""
    table = distance_tables(MAX_CLASSES)[class_names(MAX_CLASSES).index(name)]
    return float((table < 0).sum() * CELL**2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("disc", np.pi * 0.78**2),
        ("square", (2 * 0.69) ** 2),
        ("hexagon", 2 * np.sqrt(3) * 0.74**2),  # of inradius r: 2 sqrt(3) r^2
        ("triangle", 3 * np.sqrt(3) * 0.60**2),
        ("cross", 4 * 0.64 - 0.64**2),  # two bars of 2 x 0.64
        ("hexagram", 4 * np.sqrt(3) * 0.56**2),  # its hexagon and six triangles, together as large
        ("disc with a hole", np.pi * (0.78**2 - 0.27**2)),
        ("square with a slot", (2 * 0.69) ** 2 - 0.72 * 0.30),
        ("disc with two holes", np.pi * (0.78**2 - 2 * 0.17**2)),
    ],
)
def test_shapes_have_the_area_that_geometry_gives(name: str, expected: float) -> None:
    assert area(name) == pytest.approx(expected, rel=0.035)


def test_distances_are_exact_along_an_edge() -> None:
    square = distance_tables(10)[class_names(10).index("square")]
    cells = ((np.arange(TABLE_SIDE) + 0.5) * 2.0 / TABLE_SIDE - 1.0) * EXTENT
    assert np.abs(square[TABLE_SIDE // 2] - (np.abs(cells) - 0.69)).max() < CELL


def test_no_two_classes_are_drawn_alike() -> None:
    tables = distance_tables(MAX_CLASSES)[:MAX_CLASSES] < 0
    for i in range(MAX_CLASSES):
        for j in range(i):
            assert (tables[i] != tables[j]).mean() > 0.005


def test_a_table_leaves_room_around_every_shape() -> None:
    tables = distance_tables(MAX_CLASSES)
    assert len(tables) == MAX_CLASSES + len(CLUTTER)
    border = np.concatenate([tables[:, 0], tables[:, -1], tables[:, :, 0], tables[:, :, -1]], axis=1)
    assert border.min() > 0
    assert len(OUTLINES) == 10
