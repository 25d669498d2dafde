"""What several sessions say together of the energy of networks, and whether that is more than latency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from latency_predictors.energy import comparable
from latency_predictors.energy_figure import EnergyFigure, MeasuredEnergy, Scope
from latency_predictors.error_report import spearman
from latency_predictors.protocol import SessionResult
from latency_predictors.spread import combine
from latency_predictors.trust import newest
from search_spaces.base import FloatArray

_FEWEST: Final = 3


@dataclass(frozen=True)
class SessionsEnergy:
    """The energy of one inference of a network over all its sessions.

    Attributes:
        gross: Median over the sessions; its interval holds those of all sessions.
        net: Likewise, above idle.
        mean_w: Power under load.
        rel_sd: Spread of the gross energy between sessions, as a share.
        meter: That saw it.
        session_ids: Those that the figures are made of.
        measured_at: When the newest of them began, UTC.
    """

    gross: EnergyFigure
    net: EnergyFigure
    mean_w: float
    rel_sd: float
    meter: str
    session_ids: tuple[str, ...] = ()
    measured_at: str = ""


@dataclass(frozen=True)
class _Seen:
    """What a meter saw of a subject in one session."""

    energy: MeasuredEnergy
    session: SessionResult


def scopes_seen(session: SessionResult) -> Iterator[tuple[str, Scope]]:
    """Yield the digest of every subject whose energy was seen in a session, with what the meter sees."""
    for result in session.results:
        if result.summary.energy is not None:
            yield result.digest, result.summary.energy.gross.scope


def seen_in_scope(sessions: Iterable[SessionResult], scope: Scope) -> tuple[SessionResult, ...]:
    """Return sessions without the results that a meter saw in another scope, as far as anything is left."""
    kept: list[SessionResult] = []
    for session in sessions:
        others = {digest for digest, other in scopes_seen(session) if other != scope}
        results = tuple(result for result in session.results if result.digest not in others)
        kept += [session.model_copy(update={"results": results})] if results else []
    return tuple(kept)


def combine_energies(sessions: Sequence[SessionResult]) -> dict[str, SessionsEnergy]:
    """Return the energy of every subject that a meter saw, by digest.

    Unlike latencies they are not corrected by the anchors: a slow session takes longer at another power. A
    meter sees whatever runs: sessions beside other work do not count where there are others.

    Raises:
        UsageError: `mixed_energy` where the sessions had meters that see different things.
    """
    every: dict[str, list[_Seen]] = {}
    for session in sessions:
        for result in session.results:
            if result.summary.energy is not None:
                every.setdefault(result.digest, []).append(_Seen(result.summary.energy, session))
    comparable([one.energy.gross for found in every.values() for one in found])
    return {digest: _combined(_calm(found)) for digest, found in every.items()}


def _calm(found: Sequence[_Seen]) -> Sequence[_Seen]:
    """Return what was seen while nothing else ran; all of it where something always did."""
    return [one for one in found if not one.session.conditions.disturbed] or found


def _combined(found: Sequence[_Seen]) -> SessionsEnergy:
    energies = [one.energy for one in found]
    _, rel_sd = combine([one.gross.value_mj for one in energies])
    return SessionsEnergy(
        gross=_figure([one.gross for one in energies]),
        net=_figure([one.net for one in energies]),
        mean_w=float(np.median([one.mean_w for one in energies])),
        rel_sd=rel_sd,
        meter=energies[-1].meter,
        session_ids=tuple(one.session.session_id for one in found),
        measured_at=newest(one.session.started_at for one in found),
    )


def _figure(figures: Sequence[EnergyFigure]) -> EnergyFigure:
    return EnergyFigure(
        value_mj=float(np.median([one.value_mj for one in figures])),
        lower_mj=min(one.lower_mj for one in figures),
        upper_mj=max(one.upper_mj for one in figures),
        kind=figures[0].kind,
        scope=figures[0].scope,
    )


def correlation_with_latency(figures: Sequence[EnergyFigure], latency_ms: FloatArray) -> float | None:
    """Return the rank correlation of energies with latencies; None for fewer than three networks.

    Near 1 an axis of energy tells nothing that the axis of latency does not.

    Raises:
        UsageError: `mixed_energy`.
    """
    values = np.array([figure.value_mj for figure in comparable(figures)])
    return spearman(values, latency_ms) if len(values) >= _FEWEST else None
