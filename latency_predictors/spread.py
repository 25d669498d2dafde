"""What several sessions say together: the value, and how far it can be trusted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from latency_predictors.drift import against
from latency_predictors.latency_metric import Statistic
from latency_predictors.measure import Summary
from latency_predictors.protocol import SessionResult, SubjectResult
from latency_predictors.trust import counting, is_settled, is_suspect, newest
from search_spaces.base import FloatArray

SINGLE_SESSION_REL_SD = 0.05
"""Of a value that one session measured: what fresh sessions of one layer were seen to differ by."""

MIN_REL_SD = 0.003
"""Two sessions may agree by chance; nothing on a shared machine repeats better than this."""

_NORMAL_95 = 1.96
_STUDENT_95 = (12.706, 4.303, 3.182)
"""For one, two and three degrees of freedom, where the expansion for more is too far off."""


@dataclass(frozen=True)
class Measured:
    """One subject over all its sessions, in milliseconds.

    Attributes:
        digest: The subject's.
        median_ms: Median over sessions, each corrected for drift.
        lower_ms: Lower end of the statistic's 95 % interval: spread inside and between sessions.
        upper_ms: Upper end; what a limit is held against.
        p90_ms: 90th percentile of the blocks, median over sessions.
        rel_sd: Spread of the statistic between sessions, as a share.
        session_ids: Those that the value is made of.
        suspect: Whether sessions contradict each other, or the device was disturbed wherever they agree.
        statistic: What the interval and the spread are of.
        p95_ms: 95th percentile of the blocks, likewise; None unless that is the statistic.
        measured_at: When the newest of those sessions began, UTC; empty where that was published elsewhere.
        settled: Whether enough undisturbed sessions agree, on more than one day (see `trust`).
    """

    digest: str
    median_ms: float
    lower_ms: float
    upper_ms: float
    p90_ms: float
    rel_sd: float
    session_ids: tuple[str, ...]
    suspect: bool
    statistic: Statistic = "median"
    p95_ms: float | None = None
    measured_at: str = ""
    settled: bool = False

    @property
    def value_ms(self) -> float:
        """The statistic."""
        return self.median_ms if self.p95_ms is None else self.p95_ms


def combine(medians_ms: Sequence[float]) -> tuple[float, float]:
    """Return the median over sessions and the spread between them, as a share."""
    median = float(np.median(medians_ms))
    if len(medians_ms) < 2:
        return median, SINGLE_SESSION_REL_SD
    return median, max(float(np.std(medians_ms, ddof=1)) / median, MIN_REL_SD)


@dataclass(frozen=True)
class KnownSpread:
    """By how much sessions of other files differed, on the same device and in the same context.

    Attributes:
        rel_sd: Pooled, as a share.
        num_files: That it rests on, in two sessions each.
    """

    rel_sd: float
    num_files: int


NOTHING_KNOWN = KnownSpread(0.0, 0)


@dataclass(frozen=True)
class _Found:
    """One subject in one session."""

    session_id: str
    started_at: str
    result: SubjectResult
    suspect: bool


def combine_sessions(
    sessions: Sequence[SessionResult],
    statistic: Statistic = "median",
    known: KnownSpread = NOTHING_KNOWN,
) -> dict[str, Measured]:
    """Return every subject over all sessions, by digest; against the reference of the last one.

    Sessions that most others contradict do not count. A figure that somebody published is one, however often
    it is served: who serves it again knows no more of its spread.

    Two sessions say little about the spread of one subject, but all subjects together say much: the interval
    takes the larger of the subject's own spread and the pooled one, times Student's quantile for as many
    sessions as the pooled one rests on. One file alone in two sessions has a wide interval, unless more is
    known of the device.

    Args:
        sessions: Of one device and context; for percentiles, timed by a protocol for them.
        statistic: What of the runs of a session counts. Which sessions count is told by their medians.
        known: Of other files, pooled with these.
    """
    every: dict[str, list[_Found]] = {}
    for session in sessions:
        # Of what was published the year may be all that is known.
        began = session.started_at if session.provenance == "measured" else ""
        for result in against(session, sessions[-1].reference_ms).results:
            suspect = result.suspect or session.conditions.disturbed
            found = every.setdefault(result.digest, [])
            if session.provenance == "measured" or all(one.result != result for one in found):
                found.append(_Found(session.session_id, began, result, suspect))
    counted = {digest: _counted(found) for digest, found in every.items()}
    bounds = {digest: _bounds(found, statistic) for digest, found in counted.items()}
    pooled, quantile = _pooled(list(bounds.values()), known)
    return {
        digest: _measured(
            counted[digest],
            bounds[digest],
            pooled,
            quantile,
            statistic,
            suspect=_suspect(found),
            settled=_settled(found),
        )
        for digest, found in every.items()
    }


def _counted(found: Sequence[_Found]) -> list[_Found]:
    counts = counting(_medians(found), [one.suspect for one in found])
    return [one for one, count in zip(found, counts, strict=True) if count]


def _suspect(found: Sequence[_Found]) -> bool:
    return is_suspect(_medians(found), [one.suspect for one in found])


def _settled(found: Sequence[_Found]) -> bool:
    return is_settled(_medians(found), [one.suspect for one in found], [one.started_at for one in found])


def _medians(found: Sequence[_Found]) -> list[float]:
    return [one.result.median_ms for one in found]


def _bounds(found: Sequence[_Found], statistic: Statistic) -> FloatArray:
    """Return the ends of the interval inside a session and the statistic between them, corrected, (n, 3)."""
    return np.array(
        [[end / one.result.scale for end in _ends(one.result.summary, statistic)] for one in found]
    )


def _ends(summary: Summary, statistic: Statistic) -> tuple[float, float, float]:
    if statistic == "median":
        return summary.low_ms, summary.median_ms, summary.high_ms
    kept = (summary.p95_low_ms, summary.p95_ms, summary.p95_high_ms)
    low, at, high = (end for end in kept if end is not None)
    return low, at, high


def _pooled(bounds: Sequence[FloatArray], known: KnownSpread) -> tuple[float, float]:
    """Return the pooled spread, and how many of it a 95 % interval reaches.

    That of single sessions is assumed, and so known beforehand.
    """
    squares = [combine(values[:, 1].tolist())[1] ** 2 for values in bounds] + [
        known.rel_sd**2
    ] * known.num_files
    freedom = sum(len(values) - 1 for values in bounds) + known.num_files
    pooled = math.sqrt(sum(squares) / len(squares)) if squares else 0.0
    return pooled, student_95(freedom) if freedom else _NORMAL_95


def student_95(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t (Abramowitz and Stegun 1964, 26.7.5)."""
    if freedom <= len(_STUDENT_95):
        return _STUDENT_95[freedom - 1]
    z, n = _NORMAL_95, float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / n**power for power, term in enumerate(terms, 1))


def _measured(
    found: Sequence[_Found],
    bounds: FloatArray,
    pooled: float,
    quantile: float,
    statistic: Statistic,
    *,
    suspect: bool,
    settled: bool,
) -> Measured:
    value, rel_sd = combine(bounds[:, 1].tolist())
    between = quantile * max(rel_sd, pooled) / math.sqrt(len(found))
    inside_low, _, inside_high = (float(end) for end in np.median(bounds, axis=0))
    results = [one.result for one in found]
    return Measured(
        digest=results[0].digest,
        median_ms=float(np.median(_medians(found))),
        lower_ms=min(inside_low, value) / (1 + between),
        upper_ms=max(inside_high, value) * (1 + between),
        p90_ms=float(np.median([result.summary.p90_ms / result.scale for result in results])),
        rel_sd=rel_sd,
        session_ids=tuple(one.session_id for one in found),
        suspect=suspect,
        statistic=statistic,
        p95_ms=value if statistic == "p95" else None,
        measured_at=newest(one.started_at for one in found),
        settled=settled,
    )
