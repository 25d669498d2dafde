"""How far several sessions of one subject can be trusted: which of them count, and what state that makes.

unconfirmed   one session alone, or none
provisional   two sessions that agree; none of them on a later day than the first
settled       three undisturbed sessions or more that agree, on more than one day
suspect       no majority of the sessions agrees, or it was disturbed, slower than a session at rest, or moved
              by disturbed ones
stale         the newest session of those is too old
unsupported   the runtime cannot run it: there are no sessions
"""

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import compress
from statistics import median
from typing import Final, Literal

State = Literal["unconfirmed", "provisional", "settled", "suspect", "stale", "unsupported"]

AGREEMENT: Final = 0.10
"""Sessions of one subject that differ by more than this share contradict each other: a third one decides."""

SHIFT: Final = 0.03
"""Share by which disturbed sessions may move a value from the only undisturbed one that is part of it."""

SETTLED_SESSIONS: Final = 3
STALE_AFTER: Final = timedelta(days=90)


def agreeing(medians_ms: Sequence[float], limit: float = AGREEMENT) -> list[bool]:
    """Return which sessions agree with one that more than half agree with; none where there is no such one.

    Args:
        medians_ms: One a session.
        limit: Share up to which two of them agree.
    """
    near = [[max(one, other) <= (1 + limit) * min(one, other) for other in medians_ms] for one in medians_ms]
    most = max(near, key=sum, default=[])
    return most if sum(most) > len(medians_ms) / 2 else [False] * len(medians_ms)


def counting(medians_ms: Sequence[float], suspect: Sequence[bool]) -> list[bool]:
    """Return which sessions a value is made of.

    Where most agree, the others are outvoted; of those that agree only the undisturbed ones count, if there
    are two. Where none has a majority, all count.

    Args:
        medians_ms: One a session.
        suspect: Whether the device was disturbed, likewise.
    """
    near = agreeing(medians_ms)
    calm = [ok and not disturbed for ok, disturbed in zip(near, suspect, strict=True)]
    if sum(calm) >= 2:
        return calm
    return near if any(near) else [True] * len(medians_ms)


def is_suspect(medians_ms: Sequence[float], suspect: Sequence[bool]) -> bool:
    """Return whether sessions contradict each other, or were disturbed wherever they agree.

    Nothing makes a device faster than it is: a majority slower than a session at rest decides nothing. And
    disturbed sessions confirm a single undisturbed one only as far as they leave the value where it was.
    """
    near = agreeing(medians_ms)
    every = list(zip(medians_ms, near, suspect, strict=True))
    agreed = [ms for ms, ok, _ in every if ok]
    calm = [ms for ms, ok, disturbed in every if ok and not disturbed]
    outvoted = [ms for ms, ok, disturbed in every if not ok and not disturbed]
    if not calm or min(outvoted, default=math.inf) < min(calm):
        return True
    return len(calm) == 1 and abs(median(agreed) - calm[0]) > SHIFT * calm[0]


def state_of(
    medians_ms: Sequence[float], suspect: Sequence[bool], measured_at: Sequence[str], now: datetime
) -> State:
    """Return the state of a value.

    Args:
        medians_ms: One a session.
        suspect: Whether the device was disturbed, likewise.
        measured_at: When, likewise: ISO 8601; empty where nobody knows.
        now: With a time zone.
    """
    if medians_ms and is_suspect(medians_ms, suspect):
        return "suspect"
    counted = compress(measured_at, counting(medians_ms, suspect))
    if now - datetime.fromisoformat(newest(counted) or now.isoformat()) > STALE_AFTER:
        return "stale"
    if len(medians_ms) < 2:
        return "unconfirmed"
    return "settled" if is_settled(medians_ms, suspect, measured_at) else "provisional"


def is_settled(medians_ms: Sequence[float], suspect: Sequence[bool], measured_at: Sequence[str]) -> bool:
    """Return whether enough undisturbed sessions agree, on more than one day; arguments as for `state_of`."""
    if is_suspect(medians_ms, suspect):
        return False
    # Disturbed sessions may confirm a value for today; they settle none.
    counted = zip(measured_at, suspect, counting(medians_ms, suspect), strict=True)
    calm = [at for at, disturbed, counts in counted if counts and not disturbed]
    days = {datetime.fromisoformat(at).date() for at in calm if at}
    return len(days) > 1 and len(calm) >= SETTLED_SESSIONS


def newest(measured_at: Iterable[str]) -> str:
    """Return the last of some times, ISO 8601; empty where none is known."""
    return max((at for at in measured_at if at), key=datetime.fromisoformat, default="")
