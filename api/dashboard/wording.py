"""Filters of templates: times, ages and numbers as people read them."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from markupsafe import Markup, escape

from api.resources.times import rfc3339
from nas.report.numbers import BYTES, duration, percent, plain, with_unit


def when(ms: int) -> Markup:
    """Return a time, in milliseconds since 1970, as an element: a script turns it into the reader's zone."""
    shown = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Markup('<time datetime="{}">{}</time>').format(rfc3339(ms), shown)


def moment(ms: int) -> Markup:
    """Return a time to the second, likewise."""
    shown = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" data-seconds>{}</time>').format(rfc3339(ms), shown)


def coded(text: str) -> Markup:
    """Return a sentence with what stands between backticks in it, which is to be typed, as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def milliseconds(at: str) -> int:
    """Return a time as documents have it (RFC 3339) in milliseconds since 1970."""
    return round(1000 * datetime.fromisoformat(at).timestamp())


def ago(ms: int, now_ms: int) -> str:
    """Return how long ago something was, in its largest unit: `3 min ago`."""
    minutes = max(now_ms - ms, 0) // 60_000
    for unit, length in (("days", 1_440), ("h", 60), ("min", 1)):
        if minutes >= (2 * length if unit == "days" else length):
            return f"{minutes // length} {unit} ago"
    return "just now"


def size(num_bytes: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    return with_unit(num_bytes, BYTES)


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "when": when,
    "moment": moment,
    "milliseconds": milliseconds,
    "coded": coded,
    "ago": ago,
    "size": size,
    "duration": duration,
    "percent": percent,
    "plain": plain,
}
