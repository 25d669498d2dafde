"""How far measured latencies are off can be seen in a terminal."""

import pytest

from nas.report.terminal_scatter import Compared, prediction_plot


def compared(predicted: float, measured: float, *, half: float = 0.05, verified: bool = False) -> Compared:
    return Compared(predicted, predicted / (1 + half), predicted * (1 + half), measured, verified)


def row_of(plot: str, mark: str) -> int:
    """The row of the only such mark above the axis."""
    rows = [number for number, line in enumerate(plot.split("└")[0].splitlines()) if mark in line]
    assert len(rows) == 1, plot
    return rows[0]


def test_slower_than_predicted_is_above_the_line_of_no_difference() -> None:
    plot = prediction_plot(
        [compared(1.0, 1.04), compared(2.0, 1.85, half=0.1, verified=True), compared(3.0, 2.5, half=0.1)]
    ).plain
    line = row_of(plot, "┊")
    assert row_of(plot, "·") < line < row_of(plot, "●") < row_of(plot, "×")
    for name in ("calibrated with, left out", "verified by a search", "outside its interval"):
        assert name in plot
    assert "predicted latency, ms" in plot


def test_faster_networks_stand_further_left() -> None:
    plot = prediction_plot([compared(1.0, 1.01), compared(4.0, 4.04, verified=True)]).plain
    drawn = plot.split("└")[0]
    columns = {mark: line.index(mark) for line in drawn.splitlines() for mark in "·●" if mark in line}
    assert columns["·"] < columns["●"]


def test_marks_that_are_not_there_are_not_explained() -> None:
    plot = prediction_plot([compared(1.0, 1.0), compared(2.0, 2.0)]).plain
    assert "verified" not in plot
    assert "outside" not in plot


@pytest.mark.parametrize("width", [20, 80, 120])
def test_any_terminal_can_show_it(width: int) -> None:
    points = [compared(1.0 + n, (1.0 + n) * (1 + 0.02 * n), verified=n % 2 == 0) for n in range(8)]
    text = prediction_plot(points, width=width, ascii_only=True).plain
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= max(width, 40)


def test_without_networks_there_is_nothing_to_draw() -> None:
    assert prediction_plot([]).plain == "No network was measured.\n"


def test_what_a_point_is_off_by_hand() -> None:
    point = compared(2.0, 2.2)
    assert point.off == pytest.approx(10.0)
    assert not point.inside
    assert compared(2.0, 2.08).inside
