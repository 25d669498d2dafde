"""What a search cost, as text: one row a phase, and where the figures come from."""

from typing import Final

from nas.report.numbers import Scale, duration, with_unit
from nas.results import Ledger, PhaseCost, SearchResult

HEADS: Final = ("phase", "time", "processor", "device", "energy", "carbon")
"""Of the columns; those of a search without a ledger are the first two."""

ENERGY: Final = (Scale(1e-3, "mWh"), Scale(1.0, "Wh"), Scale(1e3, "kWh"))
CARBON: Final = (Scale(1e-3, "mg"), Scale(1.0, "g"), Scale(1e3, "kg"))

_DIGITS: Final = 2
"""An assumed power does not know more."""

Cells = tuple[str, ...]


def cost_rows(result: SearchResult) -> list[Cells]:
    """Return the cells of every phase, under as many of `HEADS` as there are."""
    if result.ledger is None:
        return [(phase.name, duration(phase.seconds)) for phase in result.phases]
    costs = {cost.name: cost for cost in result.ledger.phases}
    return [
        (phase.name, duration(phase.seconds), *cost_cells(result.ledger, costs[phase.name]))
        for phase in result.phases
        if phase.name in costs
    ]


def total_row(result: SearchResult) -> Cells:
    """Return the cells of all phases together."""
    whole = duration(sum(phase.seconds for phase in result.phases))
    return ("all", whole, *(() if result.ledger is None else cost_cells(result.ledger, result.ledger.total)))


def cost_sentence(result: SearchResult) -> str:
    """Return how energy and carbon were obtained; empty for a search without a ledger."""
    return "" if result.ledger is None else ledger_sentence(result.ledger)


def ledger_sentence(ledger: Ledger) -> str:
    """Return the same of a ledger, that of a search which still runs too."""
    grid = f"Carbon is energy times {ledger.grid_g_per_kwh:g} g/kWh ({ledger.grid_source})."
    assumed = f"{ledger.watts_per_core:g} W for every second of a processor or a measuring device"
    if ledger.energy_kind == "measured":
        return (
            f"Energy is measured by the counters of the processor packages, with all that ran there. {grid}"
        )
    if ledger.total.metered_wh:
        share = with_unit(ledger.total.assumed_wh, ENERGY, _DIGITS)
        return (
            f"Energy is measured by the counters of the processor packages, but {share} of it assumed: "
            f"{assumed}. {grid}"
        )
    return f"Energy is assumed, no counter was there: {assumed}. {grid}"


def cost_cells(ledger: Ledger, cost: PhaseCost) -> Cells:
    """Return processor time, device time, energy and carbon of a phase."""
    return (
        duration(cost.cpu_s),
        duration(cost.device_s) if cost.device_s else "–",
        with_unit(cost.metered_wh + cost.assumed_wh, ENERGY, _DIGITS),
        with_unit(ledger.carbon_g(cost), CARBON, _DIGITS),
    )
