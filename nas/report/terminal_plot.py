"""The front drawn with characters; shapes tell what a mark is, colour only adds to it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from rich.text import Text

from nas.report import words
from nas.report.front_traces import MAX_LIMIT_RATIO
from nas.report.marks import axis_for
from nas.report.terminal_canvas import (
    ASCII,
    LABEL_WIDTH,
    MIN_HEIGHT,
    MIN_WIDTH,
    UNICODE,
    Canvas,
    Cell,
    Marks,
    axis_lines,
    canvas_lines,
    wrapped_legend,
)
from nas.results import TargetResult, VerifiedNetwork

_STYLES: Final = {
    "front": "bold blue",
    "line": "blue",
    "stock": "bold magenta",
    "limit": "yellow",
    "dominated": "dim",
    "over_limit": "red",
    "unverified": "red",
}


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
    canvas = _canvas(shown, limit, max(width, MIN_WIDTH) - LABEL_WIDTH - 1, max(height, MIN_HEIGHT))
    cells = _draw(target, references, limit, canvas, marks)
    return Text.assemble(
        Text(f"{'accuracy, %':>{LABEL_WIDTH + 4}}\n", style="dim"),
        *canvas_lines(cells, canvas, marks),
        *axis_lines(canvas, marks, "latency, ms"),
        _legend(target, references, limit, canvas, marks),
    )


def _canvas(networks: Sequence[VerifiedNetwork], limit: float | None, width: int, height: int) -> Canvas:
    latencies = [network.latency.value_ms for network in networks]
    if limit is not None and limit <= MAX_LIMIT_RATIO * max(latencies):
        latencies.append(limit)
    accuracies = [100.0 * network.accuracy.value for network in networks]
    return Canvas(axis_for(latencies, 0.04), axis_for(accuracies, 0.05, may_be_log=False), width, height)


def _draw(
    target: TargetResult,
    references: Sequence[VerifiedNetwork],
    limit: float | None,
    canvas: Canvas,
    marks: Marks,
) -> list[list[Cell]]:
    cells: list[list[Cell]] = [[(" ", "")] * canvas.width for _ in range(canvas.height)]

    def put(network: VerifiedNetwork, mark: str, style: str) -> None:
        row, column = canvas.row(100.0 * network.accuracy.value), canvas.column(network.latency.value_ms)
        cells[row][column] = (mark, style)

    if limit is not None and canvas.x.contains(limit):
        for line in cells:
            line[canvas.column(limit)] = (marks.limit, _STYLES["limit"])
    _draw_steps(target.front, cells, canvas, marks)
    crossed = ((status, marks.over_limit) for status in ("unverified", "over_limit"))
    for status, mark in (*crossed, ("dominated", marks.dominated)):
        for network in target.networks:
            if network.status == status:
                put(network, mark, _STYLES[status])
    for network, letter in zip(references, _LETTERS, strict=False):
        put(network, letter, _STYLES["stock"])
    for network in target.front:
        put(network, marks.front, _STYLES["front"])
    return cells


def _draw_steps(
    front: Sequence[VerifiedNetwork], cells: list[list[Cell]], canvas: Canvas, marks: Marks
) -> None:
    """Draw what the front reaches at each latency: level until the next better point, then up to it."""
    points = [
        (canvas.column(network.latency.value_ms), canvas.row(100.0 * network.accuracy.value))
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


def _legend(
    target: TargetResult,
    references: Sequence[VerifiedNetwork],
    limit: float | None,
    canvas: Canvas,
    marks: Marks,
) -> Text:
    present = {network.status for network in target.networks}
    parts = [
        (marks.front, "front", "front" in present, "front"),
        (marks.dominated, "dominated", "dominated" in present, "dominated"),
        (marks.over_limit, "over a limit", "over_limit" in present, "over_limit"),
        (marks.over_limit, "not verified on its device", "unverified" in present, "unverified"),
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
    return wrapped_legend(entries, canvas.width + LABEL_WIDTH)
