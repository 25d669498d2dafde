"""What several sessions say together: the value, and how far it can be trusted."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latency_predictors.protocol import SessionResult, SubjectResult

SINGLE_SESSION_REL_SD = 0.05
"""Of a value that one session measured: what fresh sessions of one layer were seen to differ by."""

MIN_REL_SD = 0.003
"""Two sessions may agree by chance; nothing on a shared machine repeats better than this."""

_NORMAL_95 = 1.96


@dataclass(frozen=True)
class Measured:
    """One subject over all its sessions, in milliseconds.

    Attributes:
        digest: The subject's.
        median_ms: Median over sessions, each corrected for drift.
        lower_ms: Lower end of the 95 % interval: spread inside and between sessions.
        upper_ms: Upper end; what a limit is held against.
        p90_ms: 90th percentile of the blocks, median over sessions.
        rel_sd: Spread between sessions, as a share.
        session_ids: Where it was measured.
        suspect: Whether the device moved in every session.
    """

    digest: str
    median_ms: float
    lower_ms: float
    upper_ms: float
    p90_ms: float
    rel_sd: float
    session_ids: tuple[str, ...]
    suspect: bool


def combine(medians_ms: Sequence[float]) -> tuple[float, float]:
    """Return the median over sessions and the spread between them, as a share."""
    median = float(np.median(medians_ms))
    if len(medians_ms) < 2:
        return median, SINGLE_SESSION_REL_SD
    return median, max(float(np.std(medians_ms, ddof=1)) / median, MIN_REL_SD)


def combine_sessions(sessions: Sequence[SessionResult]) -> dict[str, Measured]:
    """Return every subject over all sessions, by digest.

    Two sessions say little about the spread of one subject, but all subjects together say much: the interval
    takes the larger of the subject's own spread and the pooled one.
    """
    found: dict[str, list[tuple[str, SubjectResult]]] = {}
    for session in sessions:
        for result in session.results:
            found.setdefault(result.digest, []).append((session.session_id, result))
    pooled = _pooled_rel_sd(found)
    return {digest: _measured(digest, results, pooled) for digest, results in found.items()}


def _pooled_rel_sd(found: Mapping[str, Sequence[tuple[str, SubjectResult]]]) -> float:
    spreads = [combine([result.median_ms for _, result in results])[1] for results in found.values()]
    return math.sqrt(float(np.mean(np.square(spreads)))) if spreads else 0.0


def _measured(digest: str, results: Sequence[tuple[str, SubjectResult]], pooled: float) -> Measured:
    median, rel_sd = combine([result.median_ms for _, result in results])
    between = _NORMAL_95 * max(rel_sd, pooled) / math.sqrt(len(results))
    inside_low = float(np.median([result.summary.low_ms / result.scale for _, result in results]))
    inside_high = float(np.median([result.summary.high_ms / result.scale for _, result in results]))
    return Measured(
        digest=digest,
        median_ms=median,
        lower_ms=min(inside_low, median) / (1 + between),
        upper_ms=max(inside_high, median) * (1 + between),
        p90_ms=float(np.median([result.summary.p90_ms / result.scale for _, result in results])),
        rel_sd=rel_sd,
        session_ids=tuple(session_id for session_id, _ in results),
        suspect=all(result.suspect for _, result in results),
    )
