"""What a search cost, as text."""

import pytest

from nas.report.costs import HEADS, cost_rows, cost_sentence, total_row
from nas.results import Ledger, PhaseCost, PhaseTime
from tests.nas.report.documents import make_result

PHASES = (PhaseTime(name="profile", seconds=60.0), PhaseTime(name="train", seconds=140.0))
COSTS = (
    PhaseCost(name="profile", cpu_s=3.0, device_s=45.0, assumed_wh=0.16),
    PhaseCost(name="train", cpu_s=270.0, metered_wh=0.5, assumed_wh=0.2),
)


def ledger(*phases: PhaseCost) -> Ledger:
    """A ledger of these phases."""
    return Ledger(phases=phases, watts_per_core=12.0, grid_g_per_kwh=500.0, grid_source="by hand")


def test_each_phase_has_its_costs_and_their_sum_comes_last() -> None:
    result = make_result(phases=PHASES, ledger=ledger(*COSTS))
    assert cost_rows(result) == [
        ("profile", "1 min", "3.0 s", "45 s", "160 mWh", "80 mg"),
        ("train", "2 min 20 s", "4 min 30 s", "–", "700 mWh", "350 mg"),
    ]
    assert total_row(result) == ("all", "3 min 20 s", "4 min 33 s", "45 s", "860 mWh", "430 mg")
    assert len(HEADS) == len(total_row(result))


def test_a_search_of_before_has_times_only() -> None:
    result = make_result(phases=PHASES)
    assert result.ledger is None
    assert cost_rows(result) == [("profile", "1 min"), ("train", "2 min 20 s")]
    assert total_row(result) == ("all", "3 min 20 s")
    assert cost_sentence(result) == ""


@pytest.mark.parametrize(
    ("cost", "kind", "said"),
    [
        (PhaseCost(name="train", assumed_wh=1.0), "assumed", "Energy is assumed, no counter was there: 12 W"),
        (PhaseCost(name="train", metered_wh=1.0), "measured", "Energy is measured by the counters"),
        (
            PhaseCost(name="train", metered_wh=1.0, assumed_wh=0.5),
            "assumed",
            "but 500 mWh of it assumed: 12 W",
        ),
    ],
)
def test_how_energy_was_obtained_is_said(cost: PhaseCost, kind: str, said: str) -> None:
    result = make_result(phases=PHASES, ledger=ledger(cost))
    assert result.ledger is not None
    assert result.ledger.energy_kind == kind
    assert said in cost_sentence(result)
    assert "500 g/kWh (by hand)" in cost_sentence(result)
