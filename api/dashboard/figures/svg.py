"""A chart as an SVG: what readers without JavaScript and printers get.

It draws what the charts of this product are made of (points with error bars and names, lines, bands,
limits, notes) from the same `data` and `layout` that plotly takes.
"""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from nas.report.marks import Chart, Trace

WIDTH: Final = 720
HEIGHT: Final = 400
MOST_POINTS: Final = 2_000
"""Of one trace: more make a file large, not a picture clearer."""

_LEFT, _RIGHT, _TOP, _BOTTOM, _SLANTED = 64.0, 16.0, 14.0, 48.0, 140.0
_TICKS = 6
_POLYGON = 3
_BESIDE: Final = {
    "middle right": ("start", 9, 4),
    "middle left": ("end", -9, 4),
    "top center": ("middle", 0, -9),
    "bottom center": ("middle", 0, 17),
}
"""How a name stands beside its point: anchor, and distances to the right and down."""


@dataclass(frozen=True)
class Scale:
    """Where values of one axis stand in the picture.

    Attributes:
        low: Value at the beginning; its logarithm to base 10 where the axis is logarithmic.
        high: Likewise at the end.
        start: Place of the beginning.
        end: Place of the end.
        ticks: Values with their labels.
        slanted: Whether the labels are long, and stand aslant.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[tuple[float, str], ...]
    title: str
    slanted: bool = False

    def place(self, value: float) -> float:
        """Return where a value stands."""
        seen = math.log10(value) if self.log and value > 0 else value
        share = (seen - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 1)

    def shows(self, value: float) -> bool:
        """Return whether a value lies inside the picture."""
        return min(self.start, self.end) - 0.5 <= self.place(value) <= max(self.start, self.end) + 0.5


def draw(chart: Chart, label: str) -> str:
    """Return a chart as an SVG element; empty where there is nothing to draw.

    Args:
        chart: As the functions beside make it: scatter traces, on axes that have ranges.
        label: What it shows, for whoever does not see it.
    """
    traces: list[Trace] = chart["data"]
    if not traces:
        return ""
    layout = chart["layout"]
    x = _scale(layout["xaxis"], (_LEFT, WIDTH - _RIGHT))
    y = _scale(layout["yaxis"], (HEIGHT - (_SLANTED if x.slanted else _BOTTOM), _TOP))
    parts = [*_frame(x, y), *_shapes(layout, x, y)]
    for trace in traces:
        parts.append(f'<g opacity="{trace.get("opacity", 1):g}">{"".join(_trace(trace, x, y))}</g>')
    parts.extend(_notes(layout, x, y))
    return (
        f'<svg class="static" role="img" aria-label="{html.escape(label)}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
    )


def _scale(axis: dict[str, Any], ends: tuple[float, float]) -> Scale:
    low, high = axis["range"]
    values = axis.get("tickvals", _round_ticks(low, high))
    texts = axis.get("ticktext", [f"{value:g}" for value in values])
    ticks = tuple((value, html.unescape(text)) for value, text in zip(values, texts, strict=True))
    log, title = axis.get("type") == "log", axis["title"]["text"]
    return Scale(low, high, *ends, log, ticks, title, slanted="tickangle" in axis)


def _round_ticks(low: float, high: float) -> list[float]:
    if high <= low:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / _TICKS))
    step = next(one * power for one in (1, 2, 5, 10) if (high - low) / (one * power) <= _TICKS)
    first = math.ceil(low / step)
    return [round(number * step, 10) for number in range(first, math.floor(high / step) + 1)]


def _frame(x: Scale, y: Scale) -> Iterator[str]:
    yield '<g class="axis">'
    for value, text in x.ticks:
        at = x.place(value)
        yield f'<line class="grid" x1="{at}" x2="{at}" y1="{y.end}" y2="{y.start}"/>'
        yield _slanted(text, at, y.start + 14) if x.slanted else _text(text, at, y.start + 18, "middle")
    for value, text in y.ticks:
        at = y.place(value)
        yield f'<line class="grid" x1="{x.start}" x2="{x.end}" y1="{at}" y2="{at}"/>'
        yield _text(text, x.start - 8, at + 4, "end")
    yield _text(x.title, (x.start + x.end) / 2, HEIGHT - 8, "middle")
    middle = (y.start + y.end) / 2
    yield (
        f'<text transform="rotate(-90 14 {middle})" x="14" y="{middle}" text-anchor="middle">'
        f"{html.escape(y.title)}</text>"
    )
    yield "</g>"


def _text(text: str, x: float, y: float, anchor: str, color: str = "") -> str:
    fill = f' fill="{color}"' if color else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{fill}>{html.escape(text)}</text>'


def _slanted(text: str, x: float, y: float) -> str:
    turn = f'transform="rotate(-38 {x:.1f} {y:.1f})"'
    return f'<text {turn} x="{x:.1f}" y="{y:.1f}" text-anchor="end">{html.escape(text)}</text>'


def _shapes(layout: dict[str, Any], x: Scale, y: Scale) -> Iterator[str]:
    for shape in layout.get("shapes", ()):
        at, color = x.place(shape["x0"]), shape["line"]["color"]
        yield (
            f'<line x1="{at}" x2="{at}" y1="{y.end}" y2="{y.start}" stroke="{color}" '
            'stroke-dasharray="6 4" stroke-width="1.5"/>'
        )


def _notes(layout: dict[str, Any], x: Scale, y: Scale) -> Iterator[str]:
    anchors = {"left": "start", "right": "end"}
    for note in layout.get("annotations", ()):
        paper = note.get("xref") == "paper"
        at = x.start + note["x"] * (x.end - x.start) if paper else x.place(note["x"])
        height = y.start - 8 if note.get("yref") == "paper" else y.place(note["y"]) - note.get("yshift", 0)
        anchor = anchors.get(note.get("xanchor", ""), "middle")
        words = html.unescape(note["text"])
        yield _text(words, at + note.get("xshift", 0), height, anchor, note["font"]["color"])


def _trace(trace: Trace, x: Scale, y: Scale) -> Iterator[str]:
    pairs = [(a, b) for a, b in zip(trace["x"], trace["y"], strict=True) if b is not None][:MOST_POINTS]
    if "lines" in trace["mode"]:
        yield _line(trace, pairs, x, y)
    if "markers" not in trace["mode"]:
        return
    marker = trace["marker"]
    for axis, is_across in (("error_x", True), ("error_y", False)):
        if axis in trace:
            yield from _error_bars(trace[axis], pairs, (x, y), across=is_across)
    colors = marker["color"] if isinstance(marker["color"], list) else [marker["color"]] * len(pairs)
    for (a, b), color in zip(pairs, colors, strict=False):
        if x.shows(a) and y.shows(b):
            yield _mark({**marker, "color": color}, x.place(a), y.place(b))
    for text, side, (a, b) in zip(trace.get("text", ()), trace.get("textposition", ()), pairs, strict=False):
        anchor, across, down = _BESIDE[side]
        words = html.unescape(text.strip())
        yield _text(words, x.place(a) + across, y.place(b) + down, anchor, trace["textfont"]["color"])


def _line(trace: Trace, pairs: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    places = [(x.place(a), y.place(b)) for a, b in pairs]
    shape = trace["line"].get("shape")
    corners = places[:1]
    for (a, b), (c, d) in pairwise(places):
        corners += [(c, b), (c, d)] if shape == "hv" else [(a, d), (c, d)] if shape == "vh" else [(c, d)]
    listed = " ".join(f"{a},{b}" for a, b in corners)
    if trace.get("fill") == "toself" and len(corners) >= _POLYGON:
        return f'<polygon points="{listed}" fill="{trace["fillcolor"]}"/>'
    line = trace["line"]
    return (
        f'<polyline points="{listed}" fill="none" stroke="{line.get("color", "currentColor")}" '
        f'stroke-width="{line.get("width", 1)}" stroke-linejoin="round"/>'
    )


def _error_bars(
    bars: dict[str, Any], pairs: Sequence[tuple[float, float]], scales: tuple[Scale, Scale], *, across: bool
) -> Iterator[str]:
    x, y = scales
    for (a, b), less, more in zip(pairs, bars["arrayminus"], bars["array"], strict=False):
        if not (less or more) or not (x.shows(a) and y.shows(b)):
            continue
        at, scale = (a, x) if across else (b, y)
        ends = sorted((scale.place(at - less), scale.place(at + more)))
        low, high = (max(ends[0], min(scale.start, scale.end)), min(ends[1], max(scale.start, scale.end)))
        fixed = y.place(b) if across else x.place(a)
        name, other = ("x", "y") if across else ("y", "x")
        yield (
            f'<line {name}1="{low}" {name}2="{high}" {other}1="{fixed}" {other}2="{fixed}" '
            f'stroke="{bars["color"]}"/>'
        )


def _mark(marker: dict[str, Any], x: float, y: float) -> str:
    radius, color, symbol = marker["size"] / 2, marker["color"], marker.get("symbol", "circle")
    if symbol.startswith("x"):
        left, right, top, bottom = x - radius, x + radius, y - radius, y + radius
        ends = f"M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}"
        return f'<path d="{ends}" stroke="{color}" fill="none" stroke-width="1.5"/>'
    style = f'fill="none" stroke="{color}"' if symbol.endswith("-open") else f'fill="{color}"'
    if symbol.startswith("diamond"):
        corners = f"{x},{y - radius} {x + radius},{y} {x},{y + radius} {x - radius},{y}"
        return f'<polygon points="{corners}" {style}/>'
    if symbol.startswith("square"):
        return f'<rect x="{x - radius}" y="{y - radius}" width="{2 * radius}" height="{2 * radius}" {style}/>'
    if symbol.startswith("triangle"):
        corners = f"{x},{y - radius} {x + radius},{y + radius} {x - radius},{y + radius}"
        return f'<polygon points="{corners}" {style}/>'
    return f'<circle cx="{x}" cy="{y}" r="{radius}" {style}/>'
