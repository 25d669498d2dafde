"""The front drawn with characters; shapes tell what a mark is, colour only adds to it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rich.text import Text

from nas.report import words
from nas.report.figures import MAX_LIMIT_RATIO
from nas.report.marks import Axis, axis_for, log_ticks
from nas.results import TargetResult, VerifiedNetwork

MIN_WIDTH: Final = 40
MIN_HEIGHT: Final = 8


@dataclass(frozen=True)
class Marks:
    """The characters of a plot."""

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

_STYLES: Final = {
    "front": "bold blue",
    "line": "blue",
    "stock": "bold magenta",
    "limit": "yellow",
    "dominated": "dim",
    "over_limit": "red",
}


@dataclass(frozen=True)
class _Canvas:
    """Where values stand on a grid of characters; rows count from the top."""

    x: Axis
    y: Axis
    width: int
    height: int

    def column(self, value: float) -> int:
        return min(max(round(self.x.position(value) * (self.width - 1)), 0), self.width - 1)

    def row(self, value: float) -> int:
        return min(max(round((1.0 - self.y.position(value)) * (self.height - 1)), 0), self.height - 1)


def front_plot(
    target: TargetResult,
    references: Sequence[VerifiedNetwork] = (),
    *,
    width: int = 80,
    height: int = 18,
    ascii_only: bool = False,
) -> Text:
    """Return accuracy against latency, drawn with characters.

    Points of the front are `●`, dominated networks `·`, those over a limit `×`, stock networks letters that
    the last lines explain, the limit a dotted line. What matters more is drawn over the rest.

    Args:
        target: The target.
        references: Stock networks, `A` to `Z`.
        width: Of the whole plot, in characters.
        height: Of the plot without the axis and the lines below.
        ascii_only: For terminals that know no other characters.
    """
    marks = ASCII if ascii_only else UNICODE
    shown = [*target.networks, *references]
    if not shown:
        return Text("No network was verified.\n")
    limit = target.target.limits.get("latency_ms")
    canvas = _canvas(shown, limit, max(width, MIN_WIDTH) - _LABEL_WIDTH - 1, max(height, MIN_HEIGHT))
    cells = _draw(target, references, limit, canvas, marks)
    return Text.assemble(
        Text(f"{'accuracy, %':>{_LABEL_WIDTH + 4}}\n", style="dim"),
        *_lines(cells, canvas, marks),
        *_axis(canvas, marks),
        _legend(target, references, limit, canvas, marks),
    )


_LABEL_WIDTH: Final = 7
_Cell = tuple[str, str]


def _canvas(networks: Sequence[VerifiedNetwork], limit: float | None, width: int, height: int) -> _Canvas:
    latencies = [network.latency.median_ms for network in networks]
    if limit is not None and limit <= MAX_LIMIT_RATIO * max(latencies):
        latencies.append(limit)
    accuracies = [100.0 * network.accuracy.value for network in networks]
    return _Canvas(axis_for(latencies, 0.04), axis_for(accuracies, 0.05, may_be_log=False), width, height)


def _draw(
    target: TargetResult,
    references: Sequence[VerifiedNetwork],
    limit: float | None,
    canvas: _Canvas,
    marks: Marks,
) -> list[list[_Cell]]:
    cells: list[list[_Cell]] = [[(" ", "")] * canvas.width for _ in range(canvas.height)]

    def put(network: VerifiedNetwork, mark: str, style: str) -> None:
        row, column = canvas.row(100.0 * network.accuracy.value), canvas.column(network.latency.median_ms)
        cells[row][column] = (mark, style)

    if limit is not None and canvas.x.contains(limit):
        for line in cells:
            line[canvas.column(limit)] = (marks.limit, _STYLES["limit"])
    _draw_steps(target.front, cells, canvas, marks)
    for status, mark in (("over_limit", marks.over_limit), ("dominated", marks.dominated)):
        for network in target.networks:
            if network.status == status:
                put(network, mark, _STYLES[status])
    for network, letter in zip(references, _LETTERS, strict=False):
        put(network, letter, _STYLES["stock"])
    for network in target.front:
        put(network, marks.front, _STYLES["front"])
    return cells


def _draw_steps(
    front: Sequence[VerifiedNetwork], cells: list[list[_Cell]], canvas: _Canvas, marks: Marks
) -> None:
    """Draw what the front reaches at each latency: level until the next better point, then up to it."""
    points = [
        (canvas.column(network.latency.median_ms), canvas.row(100.0 * network.accuracy.value))
        for network in front
    ]
    rising = [
        point for number, point in enumerate(points) if all(point[1] < other[1] for other in points[:number])
    ]
    ends = [*rising, *((canvas.width, row) for _, row in rising[-1:])]
    for (left, row), (right, higher) in pairwise(ends):
        for column in range(left, min(right, canvas.width)):
            cells[row][column] = (marks.horizontal, _STYLES["line"])
        if right < canvas.width and higher < row:
            cells[row][right] = (marks.bend, _STYLES["line"])
            for between in range(higher + 1, row):
                cells[between][right] = (marks.vertical, _STYLES["line"])


_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _lines(cells: Sequence[Sequence[_Cell]], canvas: _Canvas, marks: Marks) -> list[Text]:
    labels = {canvas.row(value): f"{value:g}" for value in _even_ticks(canvas.y, canvas.height // 3)}
    lines = []
    for number, row in enumerate(cells):
        label = labels.get(number, "")
        line = Text(f"{label:>{_LABEL_WIDTH - 1}} {marks.side_tick if label else marks.vertical}")
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


def _axis(canvas: _Canvas, marks: Marks) -> list[Text]:
    ticks = (
        log_ticks(canvas.x.low, canvas.x.high) if canvas.x.log else _even_ticks(canvas.x, canvas.width // 12)
    )
    rule = [marks.horizontal] * canvas.width
    labels = [" "] * (canvas.width + _LABEL_WIDTH)
    free = 0
    for tick in ticks:
        column, text = canvas.column(tick), f"{tick:g}"
        start = column - len(text) // 2 + _LABEL_WIDTH + 1
        if start < free or start + len(text) > len(labels):
            continue
        rule[column] = marks.tick
        labels[start : start + len(text)] = text
        free = start + len(text) + 2
    pad = " " * _LABEL_WIDTH
    title = "latency, ms (log)" if canvas.x.log else "latency, ms"
    return [
        Text(f"{pad}{marks.corner}{''.join(rule)}\n"),
        Text(f"{''.join(labels).rstrip()}\n"),
        Text(f"{title:>{canvas.width + _LABEL_WIDTH}}\n", style="dim"),
    ]


def _legend(
    target: TargetResult,
    references: Sequence[VerifiedNetwork],
    limit: float | None,
    canvas: _Canvas,
    marks: Marks,
) -> Text:
    present = {network.status for network in target.networks}
    parts = [
        (marks.front, "front", "front" in present, "front"),
        (marks.dominated, "dominated", "dominated" in present, "dominated"),
        (marks.over_limit, "over a limit", "over_limit" in present, "over_limit"),
    ]
    entries = [(mark, name, _STYLES[style]) for mark, name, there, style in parts if there]
    if limit is not None:
        where = "" if canvas.x.contains(limit) else " (beyond the right edge)"
        entries.append(
            (marks.limit, f"limit {words.limit_text('latency_ms', limit)}{where}", _STYLES["limit"])
        )
    entries += [
        (letter, network.name, _STYLES["stock"])
        for network, letter in zip(references, _LETTERS, strict=False)
    ]
    return _wrapped_legend(entries, canvas.width + _LABEL_WIDTH)


def _wrapped_legend(entries: Sequence[tuple[str, str, str]], width: int) -> Text:
    lines: list[list[Text]] = [[]]
    used = _LABEL_WIDTH
    for mark, name, style in entries:
        entry = Text.assemble((mark, style), f" {name}")
        if lines[-1] and used + len(entry) > width:
            lines.append([])
            used = _LABEL_WIDTH
        lines[-1].append(entry)
        used += len(entry) + 3
    indent, gap = Text(" " * _LABEL_WIDTH), Text("   ")
    return Text("\n").join(indent + gap.join(line) for line in lines).append("\n")
