from typing import Any

import pytest

from latency_predictors.meters.meter import Absent, Meter
from latency_predictors.meters.nvml import LIBRARY, nvml_meters
from tests.latency_predictors.meters.boards import never

NOT_SUPPORTED = 3


class Driver:
    """The library of a driver with one card.

    Attributes:
        energy_status: What asking for the counter returns: cards before Volta have none.
        status: What starting returns.
    """

    def __init__(
        self, *, energy_status: int = 0, status: int = 0, cards: int = 1, moves: bool = True
    ) -> None:
        self.energy_status = energy_status
        self.status = status
        self.cards = cards
        self.moves = moves
        self.looks = 0

    def nvmlInit_v2(self) -> int:
        return self.status

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = self.cards
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, number: int, handle: Any) -> int:
        handle._obj.value = 4242 + number
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, energy: Any) -> int:
        return self._show(energy, 80_000_000) or self.energy_status

    def nvmlDeviceGetPowerUsage(self, handle: Any, power: Any) -> int:
        return self._show(power, 71_500)

    def _show(self, value: Any, start: int) -> int:
        self.looks += self.moves
        value._obj.value = start + 250 * self.looks
        return 0


def found(driver: Driver) -> Meter | Absent:
    """What is found with a driver of one card."""

    def load(name: str) -> Any:
        assert name == LIBRARY
        return driver

    (one,) = nvml_meters(never, load)
    return one


def test_the_counter_counts_millijoules() -> None:
    driver = Driver()
    meter = found(driver)
    assert isinstance(meter, Meter)
    assert (meter.name, meter.scope, meter.quantity) == ("nvml/0", "gpu", "energy_j")
    before = driver.looks
    assert meter.read().value == pytest.approx(80_000 + 0.25 * (before + 1))


def test_cards_without_a_counter_tell_their_power() -> None:
    meter = found(Driver(energy_status=NOT_SUPPORTED))
    assert isinstance(meter, Meter)
    assert meter.quantity == "power_w"
    assert 71.5 < meter.read().value < 90


def test_a_card_whose_figures_stand_still_is_absent() -> None:
    meter = found(Driver(moves=False))
    assert isinstance(meter, Absent)
    assert "never moves" in meter.reason


def test_a_driver_that_does_not_answer() -> None:
    absent = found(Driver(status=9))
    assert isinstance(absent, Absent)
    assert "status 9" in absent.reason


def test_a_driver_without_cards() -> None:
    assert isinstance(found(Driver(cards=0)), Absent)


def test_without_a_driver_there_is_no_meter() -> None:
    def load(name: str) -> Any:
        raise OSError(f"{name}: cannot open shared object file")

    (absent,) = nvml_meters(never, load)
    assert isinstance(absent, Absent)
    assert "cannot open" in absent.reason
    assert absent.fix
