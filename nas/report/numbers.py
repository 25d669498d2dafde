"""Numbers as people read them: as many digits as the interval allows, units, aligned columns."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

MAX_DECIMALS: Final = 6
FIGURE_SPACE: Final = "\u2007"
"""As wide as a digit in fonts with tabular figures."""
PUNCTUATION_SPACE: Final = "\u2008"
"""As wide as a full stop."""


@dataclass(frozen=True)
class Scale:
    """A unit to print values of one column in.

    Attributes:
        divisor: What values are divided by.
        unit: Its name, empty for plain numbers.
    """

    divisor: float
    unit: str


BYTES: Final = (Scale(1.0, "B"), Scale(1024.0, "KiB"), Scale(1024.0**2, "MiB"), Scale(1024.0**3, "GiB"))
COUNTS: Final = (Scale(1.0, ""), Scale(1e3, "thousand"), Scale(1e6, "million"), Scale(1e9, "billion"))


def decimals(value: float, lower: float, upper: float) -> int:
    """Return how many decimals of a value its interval allows.

    The half width is kept to one or two digits by the rule of the Particle Data Group (Review of Particle
    Physics, section "Rounding": up to 354 two digits, from 355 one, from 950 two of the next power); a value
    without an interval gets four significant digits.
    """
    half = max(value - lower, upper - value)
    if not math.isfinite(half) or half <= 0.0:
        return _significant(value, 4)
    power = math.floor(math.log10(half))
    leading = half / 10.0**power
    places = -power + (1 if leading < 3.55 else 0)
    return min(max(places, 0), MAX_DECIMALS)


def _significant(value: float, digits: int) -> int:
    if value == 0.0 or not math.isfinite(value):
        return 0
    return min(max(digits - 1 - math.floor(math.log10(abs(value))), 0), MAX_DECIMALS)


def plain(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, never in exponent form."""
    return f"{value:,.{_significant(value, digits)}f}"


def best_scale(values: Sequence[float], scales: Sequence[Scale]) -> Scale:
    """Return the largest unit in which the smallest positive value is not below 1 (or the smallest unit)."""
    positive = [value for value in values if value > 0.0]
    smallest = min(positive, default=0.0)
    return max(
        (scale for scale in scales if smallest >= scale.divisor),
        key=lambda scale: scale.divisor,
        default=scales[0],
    )


def with_unit(value: float, scales: Sequence[Scale], digits: int = 3) -> str:
    """Return one value in the unit that suits it, for example `18.4 KiB`."""
    scale = best_scale([value], scales)
    return f"{plain(value / scale.divisor, digits)} {scale.unit}".strip()


def percent(share: float, lower: float | None = None, upper: float | None = None, digits: int = 3) -> str:
    """Return a share in percent, without the sign; with an interval, as many decimals as that allows."""
    if lower is None or upper is None:
        return plain(100.0 * share, digits)
    return f"{100.0 * share:.{decimals(100.0 * share, 100.0 * lower, 100.0 * upper)}f}"


def rounded(value: float, lower: float, upper: float) -> str:
    """Return a value with as many decimals as its interval allows."""
    return f"{value:.{decimals(value, lower, upper)}f}"


def interval(value: float, lower: float, upper: float) -> str:
    """Return the ends of an interval with the decimals of its value: `0.425–0.436`."""
    places = decimals(value, lower, upper)
    return f"{lower:.{places}f}–{upper:.{places}f}"


def duration(seconds: float) -> str:
    """Return a time span in the two units that matter: `0.4 s`, `48 s`, `3 min 5 s`, `2 h 10 min`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours == 0:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def aligned(numbers: Sequence[str]) -> list[str]:
    """Return a column filled up on the right: aligned to the right, the numbers share a decimal point."""
    places = [len(text.partition(".")[2]) for text in numbers]
    widest = max(places, default=0)
    filled = []
    for text, count in zip(numbers, places, strict=True):
        point = PUNCTUATION_SPACE if widest and "." not in text else ""
        filled.append(text + point + FIGURE_SPACE * (widest - count))
    return filled
