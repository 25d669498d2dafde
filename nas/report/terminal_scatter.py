"""Predicted against measured latency, drawn with characters: how far off, along the predictions.

On axes of milliseconds an error of a few percent is less than a character; so what is drawn is the error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.text import Text

from nas.report.marks import Axis, axis_for
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

BAND: Final = 5.0
"""Percent: no plot shows less to both sides."""

_STYLES: Final = {"verified": "bold blue", "drawn": "dim", "outside": "red", "equal": "yellow"}


@dataclass(frozen=True)
class Compared:
    """A network's latency, predicted by what had not seen it, and measured.

    Attributes:
        predicted_ms: The point.
        lower_ms: Lower end of the interval.
        upper_ms: Upper end.
        measured_ms: Median over sessions.
        verified: Whether a search chose the network; else it was drawn to calibrate with.
    """

    predicted_ms: float
    lower_ms: float
    upper_ms: float
    measured_ms: float
    verified: bool

    @property
    def off(self) -> float:
        """How far the measured value is above the predicted one, in percent."""
        return 100.0 * (self.measured_ms / self.predicted_ms - 1.0)

    @property
    def inside(self) -> bool:
        """Whether the measured value lies in the interval."""
        return self.lower_ms <= self.measured_ms <= self.upper_ms


def prediction_plot(
    compared: Sequence[Compared], *, width: int = 80, height: int = 12, ascii_only: bool = False
) -> Text:
    """Return by how much measured latencies differ from predicted ones, drawn with characters.

    Networks that searches verified are `●`, those drawn to calibrate with `·`, both `×` where the measured
    value is outside the interval; the dotted line is no difference.

    Args:
        compared: The networks.
        width: Of the whole plot, in characters.
        height: Of the plot without the axis and the lines below.
        ascii_only: For terminals that know no other characters.
    """
    if not compared:
        return Text("No network was measured.\n")
    marks = ASCII if ascii_only else UNICODE
    x = axis_for([one.predicted_ms for one in compared], 0.04)
    most = 1.05 * max(BAND, *(abs(one.off) for one in compared))
    room = max(width, MIN_WIDTH) - LABEL_WIDTH - 1
    canvas = Canvas(x, Axis(-most, most, log=False), room, max(height, MIN_HEIGHT))
    return Text.assemble(
        Text(f"{'measured over predicted, %':>{LABEL_WIDTH + 19}}\n", style="dim"),
        *canvas_lines(_draw(compared, canvas, marks), canvas, marks),
        *axis_lines(canvas, marks, "predicted latency, ms"),
        _legend(compared, canvas, marks),
    )


def _draw(compared: Sequence[Compared], canvas: Canvas, marks: Marks) -> list[list[Cell]]:
    cells: list[list[Cell]] = [[(" ", "")] * canvas.width for _ in range(canvas.height)]
    cells[canvas.row(0.0)] = [(marks.limit, _STYLES["equal"])] * canvas.width
    # What matters more is drawn over the rest.
    for one in sorted(compared, key=lambda one: (not one.inside, one.verified)):
        cells[canvas.row(one.off)][canvas.column(one.predicted_ms)] = _mark(one, marks)
    return cells


def _mark(one: Compared, marks: Marks) -> Cell:
    if not one.inside:
        return marks.over_limit, _STYLES["outside"]
    return (marks.front, _STYLES["verified"]) if one.verified else (marks.dominated, _STYLES["drawn"])


def _legend(compared: Sequence[Compared], canvas: Canvas, marks: Marks) -> Text:
    entries = [
        (
            marks.dominated,
            "calibrated with, left out",
            _STYLES["drawn"],
            any(not o.verified for o in compared),
        ),
        (marks.front, "verified by a search", _STYLES["verified"], any(one.verified for one in compared)),
        (marks.over_limit, "outside its interval", _STYLES["outside"], any(not o.inside for o in compared)),
        (marks.limit, "no difference", _STYLES["equal"], True),
    ]
    there = [(mark, name, style) for mark, name, style, present in entries if present]
    return wrapped_legend(there, canvas.width + LABEL_WIDTH)
