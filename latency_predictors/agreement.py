"""Where sessions of the same files agree, and where a further one has to decide. Pure."""

from collections.abc import Sequence

from latency_predictors.drift import against
from latency_predictors.protocol import SessionResult
from latency_predictors.trust import is_suspect


def undecided(sessions: Sequence[SessionResult]) -> set[str]:
    """Return the digests on which two sessions or more do not agree, or were disturbed wherever they do.

    A machine that was busy all the time is not asked once more: it would be busy still.
    """
    medians: dict[str, list[float]] = {}
    suspect: dict[str, list[bool]] = {}
    for session in sessions:
        for result in against(session, sessions[-1].reference_ms).results:
            medians.setdefault(result.digest, []).append(result.median_ms)
            suspect.setdefault(result.digest, []).append(result.suspect)
    several = {digest: values for digest, values in medians.items() if len(values) > 1}
    return {digest for digest, values in several.items() if is_suspect(values, suspect[digest])}
