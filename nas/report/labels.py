"""Where names stand beside points, so that both can be read."""

from collections.abc import Sequence

_Box = tuple[float, float, float, float]
"""Left, bottom, right and top, as shares of the plot."""

_LETTER, _LINE, _DOT = 0.0105, 0.05, 0.012
"""A letter's width, a line's height and half a point's width, as shares of the plot."""


def label_sides(
    places: Sequence[tuple[float, float]],
    lengths: Sequence[int],
    around: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """Return where names stand beside their points.

    They stay in the plot, then clear of each other, then of points, as far as they can.

    Args:
        places: Of the points, 0 to 1 from the left and from below.
        lengths: Characters of their names.
        around: Places of points without names.
    """
    points = [(x - _DOT, y - 2 * _DOT, x + _DOT, y + 2 * _DOT) for x, y in (*around, *places)]
    taken: list[_Box] = []
    sides = []
    for number, (place, length) in enumerate(zip(places, lengths, strict=True), len(around)):
        others = [*points[:number], *points[number + 1 :]]
        boxes = _label_boxes(*place, length * _LETTER + 0.03, _LINE)
        costs = {
            side: (not _inside(box), _meetings(box, taken), _meetings(box, others))
            for side, box in boxes.items()
        }
        side = min(costs, key=costs.__getitem__)
        taken.append(boxes[side])
        sides.append(side)
    return sides


def _label_boxes(x: float, y: float, wide: float, high: float) -> dict[str, _Box]:
    """Return where a name may stand, what is liked best first: left, bottom, right and top of each box."""
    boxes = {
        "middle right": (x, y - high / 2, x + wide, y + high / 2),
        "middle left": (x - wide, y - high / 2, x, y + high / 2),
        "top center": (x - wide / 2, y + high / 2, x + wide / 2, y + 1.5 * high),
        "bottom center": (x - wide / 2, y - 1.5 * high, x + wide / 2, y - high / 2),
    }
    return {"middle left": boxes.pop("middle left"), **boxes} if x > 0.5 else boxes


def _inside(box: _Box) -> bool:
    return min(box) >= 0.0 and max(box) <= 1.0


def _meetings(one: _Box, others: Sequence[_Box]) -> int:
    return sum(one[0] < box[2] and box[0] < one[2] and one[1] < box[3] and box[1] < one[3] for box in others)
