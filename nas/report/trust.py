"""How far measured figures can be trusted, in words that say what to do: of tables, and of networks."""

from collections.abc import Mapping, Sequence
from typing import Final

from latency_predictors.correction import ErrorReport
from latency_predictors.lookup_table import LookupTable
from latency_predictors.trust import SETTLED_SESSIONS, STALE_AFTER, State
from nas.report.words import counted, report_sentence
from nas.results import Latency, TargetResult, VerifiedNetwork
from search_spaces.layers import LayerSpec

_DISTURBED: Final = "sessions contradict each other, or the device was disturbed"
_AGAIN: Final = "the same search again, when the device is idle, measures {} once more"

SUSPECT: Final = f"its {_DISTURBED}; {_AGAIN.format('it')}"

_DOUBTS: Final[dict[State, str]] = {
    "suspect": (
        "the machine was busy or changed its speed, or sessions contradict each other; "
        "profile again when it is idle"
    ),
    "stale": (
        f"they were measured more than {STALE_AFTER.days} days ago, or with another version of the runtime; "
        "profile again"
    ),
    "unconfirmed": "one session alone has measured them; profile again",
}


def doubt_sentences(states: Mapping[State, int]) -> tuple[str, ...]:
    """Return for each state in which layers of a table are in doubt how many are, why, and what to do.

    Args:
        states: How many layers are in which state.
    """
    layers = counted(sum(states.values()), "layer")
    return tuple(
        f"{number:,} of {layers} {'is' if number == 1 else 'are'} {state}: {why}"
        for state, why in _DOUBTS.items()
        if (number := states.get(state, 0))
    )


def table_doubts(tables: Sequence[LookupTable], layers: Sequence[LayerSpec]) -> list[str]:
    """Return the same of some layers in several tables, today, each sentence with its context."""
    told = {table.context.label: doubt_sentences(table.states_of(layers)) for table in tables}
    return [f"{context}: {sentence}" for context, sentences in told.items() for sentence in sentences]


def prediction_sentences(target: TargetResult, networks: Sequence[VerifiedNetwork]) -> tuple[str, ...]:
    """Return how good predictions of latency and of energy are, where one of the networks has one.

    Args:
        target: Whose error reports are told; nothing where it has none.
        networks: Those that are shown.
    """
    energy = {} if target.energy is None else target.energy.report
    told = (
        ("latencies", target.table.report, any(one.predicted_latency for one in networks)),
        ("energies", energy, any(one.predicted_energy for one in networks)),
    )
    return tuple(
        f"Predicted {figures}, {report_sentence(ErrorReport.model_validate(report))}"
        for figures, report, shown in told
        if report and shown
    )


def when_text(latency: Latency) -> str:
    """Return when a latency was measured, and whether that is provisional: `2026-01-02 03:04 UTC`."""
    began = latency.measured_at[:16].replace("T", " ")
    lacks = f"fewer than {SETTLED_SESSIONS} undisturbed sessions that agree, or none on another day"
    return f"{began} UTC{f'; provisional: {lacks}' if latency.provisional else ''}"


def suspect_sentences(networks: Sequence[VerifiedNetwork]) -> tuple[str, ...]:
    """Return of how many networks the latency is suspect, why, and what to do; nothing where of none."""
    number = sum(network.latency.suspect for network in networks)
    if not number:
        return ()
    which = f"{number:,} of {counted(len(networks), 'network')}"
    again = _AGAIN.format("it" if number == 1 else "them")
    return (f"The latency of {which} is suspect: {_DISTURBED}; {again}",)
