"""A grid of characters with axes: what plots in a terminal are drawn on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from nas.report.marks import Axis, log_ticks

MIN_WIDTH: Final = 40
MIN_HEIGHT: Final = 8


@dataclass(frozen=True)
class Marks:
    """The characters of a plot.

    Attributes:
        front: A point that matters.
        dominated: One that does not.
        over_limit: One that is not as it should be.
        limit: Of a line that something is held against.
    """

    front: str
    dominated: str
    over_limit: str
    limit: str
    corner: str
    vertical: str
    horizontal: str
    tick: str
    side_tick: str
    bend: str


UNICODE: Final = Marks("●", "·", "×", "┊", "└", "│", "─", "┬", "┤", "╯")
ASCII: Final = Marks("O", ".", "x", ":", "+", "|", "-", "+", "+", "+")

LABEL_WIDTH: Final = 7
"""Characters left of the grid."""

Cell = tuple[str, str]
"""A character and its style."""


@dataclass(frozen=True)
class Canvas:
    """Where values stand on a grid of characters; rows count from the top."""

    x: Axis
    y: Axis
    width: int
    height: int

    def column(self, value: float) -> int:
        """Return the column of a value; that of the nearest end where it lies outside."""
        return min(max(round(self.x.position(value) * (self.width - 1)), 0), self.width - 1)

    def row(self, value: float) -> int:
        """Return the row of a value likewise."""
        return min(max(round((1.0 - self.y.position(value)) * (self.height - 1)), 0), self.height - 1)


def canvas_lines(cells: Sequence[Sequence[Cell]], canvas: Canvas, marks: Marks) -> list[Text]:
    """Return the grid with round numbers at its left."""
    ticks = (
        log_ticks(canvas.y.low, canvas.y.high) if canvas.y.log else _even_ticks(canvas.y, canvas.height // 3)
    )
    labels = {canvas.row(value): f"{value:g}" for value in ticks}
    lines = []
    for number, row in enumerate(cells):
        label = labels.get(number, "")
        line = Text(f"{label:>{LABEL_WIDTH - 1}} {marks.side_tick if label else marks.vertical}")
        for mark, style in row:
            line.append(mark, style)
        line.rstrip()
        lines.append(line.append("\n"))
    return lines


def _even_ticks(axis: Axis, count: int) -> list[float]:
    """Return about so many round numbers on an axis of equal steps (also on a logarithmic one)."""
    raw = (axis.high - axis.low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= raw)
    first = math.ceil(axis.low / step)
    last = math.floor(axis.high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def axis_lines(canvas: Canvas, marks: Marks, title: str) -> list[Text]:
    """Return the horizontal axis: the rule, round numbers, the title."""
    ticks = (
        log_ticks(canvas.x.low, canvas.x.high) if canvas.x.log else _even_ticks(canvas.x, canvas.width // 12)
    )
    rule = [marks.horizontal] * canvas.width
    labels = [" "] * (canvas.width + LABEL_WIDTH)
    free = 0
    for tick in ticks:
        column, text = canvas.column(tick), f"{tick:g}"
        start = column - len(text) // 2 + LABEL_WIDTH + 1
        if start < free or start + len(text) > len(labels):
            continue
        rule[column] = marks.tick
        labels[start : start + len(text)] = text
        free = start + len(text) + 2
    pad = " " * LABEL_WIDTH
    name = f"{title} (log)" if canvas.x.log else title
    return [
        Text(f"{pad}{marks.corner}{''.join(rule)}\n"),
        Text(f"{''.join(labels).rstrip()}\n"),
        Text(f"{name:>{canvas.width + LABEL_WIDTH}}\n", style="dim"),
    ]


def wrapped_legend(entries: Sequence[tuple[str, str, str]], width: int) -> Text:
    """Return what marks mean, in lines of at most so many characters: mark, name, style of each."""
    lines: list[list[Text]] = [[]]
    used = LABEL_WIDTH
    for mark, name, style in entries:
        entry = Text.assemble((mark, style), f" {name}")
        if lines[-1] and used + len(entry) > width:
            lines.append([])
            used = LABEL_WIDTH
        lines[-1].append(entry)
        used += len(entry) + 3
    indent, gap = Text(" " * LABEL_WIDTH), Text("   ")
    return Text("\n").join(indent + gap.join(line) for line in lines).append("\n")
