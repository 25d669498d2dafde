"""Values stand where they belong on a grid of characters."""

from nas.report.marks import Axis
from nas.report.terminal_canvas import (
    ASCII,
    LABEL_WIDTH,
    UNICODE,
    Canvas,
    axis_lines,
    canvas_lines,
    wrapped_legend,
)

CANVAS = Canvas(Axis(1.0, 16.0, log=True), Axis(0.0, 10.0, log=False), width=41, height=11)


def test_rows_count_from_the_top_and_columns_follow_the_axis() -> None:
    assert [CANVAS.row(value) for value in (10.0, 5.0, 0.0)] == [0, 5, 10]
    assert [CANVAS.column(value) for value in (1.0, 4.0, 16.0)] == [0, 20, 40]


def test_what_lies_outside_stands_at_the_edge() -> None:
    assert (CANVAS.row(99.0), CANVAS.row(-99.0)) == (0, 10)
    assert (CANVAS.column(0.001), CANVAS.column(1e3)) == (0, 40)


def test_numbers_stand_beside_their_rows_and_under_their_columns() -> None:
    cells = [[(" ", "")] * CANVAS.width for _ in range(CANVAS.height)]
    lines = [line.plain for line in canvas_lines(cells, CANVAS, UNICODE)]
    assert lines[CANVAS.row(5.0)].startswith("     5 ┤")
    rule, labels, title = (line.plain for line in axis_lines(CANVAS, ASCII, "size"))
    assert rule[LABEL_WIDTH + 1 + CANVAS.column(5.0)] == "+"
    assert labels[LABEL_WIDTH + 1 + CANVAS.column(5.0)] == "5"
    assert title.strip() == "size (log)"


def test_a_logarithmic_side_has_round_numbers_too() -> None:
    turned = Canvas(CANVAS.y, CANVAS.x, width=41, height=21)
    cells = [[(" ", "")] * turned.width for _ in range(turned.height)]
    lines = [line.plain for line in canvas_lines(cells, turned, UNICODE)]
    assert lines[turned.row(2.0)].startswith("     2 ┤")


def test_a_legend_is_broken_between_its_entries() -> None:
    entries = [("x", "a rather long name", ""), ("o", "another long name", ""), (".", "short", "")]
    text = wrapped_legend(entries, width=40).plain
    assert [line.strip() for line in text.splitlines()] == [
        "x a rather long name",
        "o another long name   . short",
    ]
    assert all(len(line) <= 40 for line in text.splitlines())
