"""Colours, axes, hover texts and markers that the figures share.

A chart is a plain dictionary as plotly takes it (`data` and `layout`), with strings, numbers, lists and None
only, so that it can be written as JSON. Colours are chosen to be read on white and on near-black; text, grid
and background are left to the page. Text that plotly reads as markup is escaped here.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nas.report.architecture import in_one_line
from nas.report.numbers import interval, rounded
from nas.report.words import accuracy_interval, accuracy_text, images_text, latency_interval, latency_text
from nas.results import Figure, Status, VerifiedNetwork

Chart = dict[str, Any]
Trace = dict[str, Any]

BLUE: Final = "#2f7de1"
ORANGE: Final = "#e0662c"
VIOLET: Final = "#9a5bd2"
GREY: Final = "#8b919c"

STATUS_NAMES: Final[dict[Status, str]] = {
    "front": "front",
    "dominated": "dominated",
    "over_limit": "over a limit",
    "unverified": "not verified on its device",
}
_MARKERS: Final[dict[Status, dict[str, Any]]] = {
    "front": {"color": BLUE, "size": 10, "symbol": "circle"},
    "dominated": {"color": GREY, "size": 7, "symbol": "circle-open"},
    "over_limit": {"color": ORANGE, "size": 7, "symbol": "x-thin-open", "line": {"width": 1.5}},
    "unverified": {"color": ORANGE, "size": 7, "symbol": "square-open"},
}
STOCK_MARKER: Final[dict[str, Any]] = {"color": VIOLET, "size": 10, "symbol": "diamond"}

LOG_SPAN: Final = 3.0
"""From this ratio of the largest to the smallest value on, an axis is logarithmic."""


@dataclass(frozen=True)
class Axis:
    """The range of an axis.

    Attributes:
        low: Smallest value shown.
        high: Largest value shown.
        log: Whether equal steps are equal ratios.
    """

    low: float
    high: float
    log: bool

    def layout(self, title: str) -> dict[str, Any]:
        """Return the axis as plotly takes it."""
        if not self.log:
            return {"title": {"text": title}, "range": [self.low, self.high]}
        ticks = log_ticks(self.low, self.high)
        return {
            "title": {"text": title},
            "type": "log",
            "range": [math.log10(self.low), math.log10(self.high)],
            "tickvals": ticks,
            "ticktext": [f"{tick:g}" for tick in ticks],
        }

    def contains(self, value: float) -> bool:
        """Return whether a value is shown."""
        return self.low <= value <= self.high

    def position(self, value: float) -> float:
        """Return where a value stands, 0 at the left end and 1 at the right."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def axis_for(
    values: Sequence[float], margin: float = 0.06, *, may_be_log: bool = True, log: bool | None = None
) -> Axis:
    """Return an axis with some room around the values; logarithmic where they span more than `LOG_SPAN`.

    Args:
        values: That are to be seen.
        margin: Room at each end, as a share of the span.
        may_be_log: Shares stay linear however far they span: it is False for them.
        log: What somebody asked for; None for the rule above. Values that are not positive stay linear.
    """
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    wanted = may_be_log and low > 0.0 and high / low > LOG_SPAN if log is None else log
    if wanted and high > low > 0.0:
        room = (high / low) ** margin
        return Axis(low / room, high * room, log=True)
    span = (high - low) or abs(high) or 1.0
    return Axis(low - margin * span, high + margin * span, log=False)


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers between two positive ones: more of them, the less they span."""
    decades = math.log10(high / low)
    digits = (1, 1.5, 2, 3, 4, 5, 7) if decades < 0.8 else (1, 2, 3, 5, 7) if decades < 1.3 else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = powers if decades <= 4 else [power for power in powers if power % 2 == 0]
    ticks = [float(f"{digit}e{power}") for power in steps for digit in (digits if decades <= 3 else (1,))]
    return [tick for tick in ticks if low <= tick <= high]


def error_bars(
    values: Sequence[float], lower: Sequence[float], upper: Sequence[float], color: str
) -> dict[str, Any]:
    """Return error bars between two ends, as plotly takes them: distances from the values."""
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(end - value, 0.0) for value, end in zip(values, upper, strict=True)],
        "arrayminus": [max(value - end, 0.0) for value, end in zip(values, lower, strict=True)],
        "color": color,
        "thickness": 1,
        "width": 0,
    }


def markers(status: Status) -> dict[str, Any]:
    """Return the marker of a status."""
    return dict(_MARKERS[status])


def faded(color: str, opacity: float) -> str:
    """Return a colour `#rrggbb` with an opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def escaped(text: str) -> str:
    """Return text that plotly shows as it is."""
    return html.escape(text, quote=False)


def hover_text(network: VerifiedNetwork) -> str:
    """Return what a point says: name, figures with intervals, predicted beside measured, architecture."""
    role = "stock network" if network.origin == "reference" else STATUS_NAMES[network.status]
    accuracy, latency = network.accuracy, network.latency
    images = images_text(accuracy)
    lines = [
        f"<b>{escaped(network.name)}</b> ({role})",
        f"accuracy {accuracy_text(accuracy)} [{accuracy_interval(accuracy)}], measured on {images} images",
        *_predicted_accuracy(network.predicted_accuracy),
        f"latency {latency_text(latency)} [{latency_interval(latency)}], measured",
        *_predicted_latency(network.predicted_latency),
        *_wrapped(escaped(in_one_line(network.architecture))),
    ]
    return "<br>".join(lines)


def _predicted_accuracy(figure: Figure | None) -> list[str]:
    if figure is None:
        return []
    return [f"   predicted {accuracy_text(figure)} [{accuracy_interval(figure)}], {figure.kind}"]


def _predicted_latency(figure: Figure | None) -> list[str]:
    if figure is None:
        return []
    ends = (figure.value, figure.lower, figure.upper)
    return [f"   predicted {rounded(*ends)} ms [{interval(*ends)}], {figure.kind}"]


def _wrapped(text: str) -> list[str]:
    return text.split(", ") if text else []
