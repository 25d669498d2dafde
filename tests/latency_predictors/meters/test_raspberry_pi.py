import pytest

from latency_predictors.meters.meter import Absent, Meter
from latency_predictors.meters.raspberry_pi import COMMAND, rails_power_w, raspberry_pi_meters
from tests.latency_predictors.meters.boards import PMIC, RECORDED, never


def test_rails_with_voltage_and_current_are_summed() -> None:
    by_hand = 0.0927188 * 3.7 + 0.0819711 * 3.3 + 0.1707869 * 1.8 + 0.2147093 * 1.1 + 2.51342 * 0.87
    assert rails_power_w(PMIC) == pytest.approx(by_hand + 0.0246642 * 5.1)


def test_what_a_real_board_printed_is_the_power_of_its_twelve_rails() -> None:
    printed = (RECORDED / "raspberry_pi_5.txt").read_text()
    assert rails_power_w(printed) == pytest.approx(5.921612, abs=1e-6)


def test_the_program_is_asked_anew_each_time() -> None:
    asked: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...]) -> str:
        asked.append(command)
        return PMIC.replace("2.51342", f"2.{len(asked)}1342")

    (found,) = raspberry_pi_meters(run, never)
    assert isinstance(found, Meter)
    assert (found.scope, found.quantity) == ("rail", "power_w")
    assert set(asked) == {COMMAND}
    assert found.read() != found.read()


@pytest.mark.parametrize(
    "printed", ["", 'error=1 error_msg="Command not registered"', "VDD_CORE_A current(7)=1.0A"]
)
def test_older_boards_have_none(printed: str) -> None:
    (found,) = raspberry_pi_meters(lambda command: printed, never)
    assert isinstance(found, Absent)


def test_without_the_program_it_is_absent() -> None:
    def run(command: tuple[str, ...]) -> str:
        raise FileNotFoundError("vcgencmd")

    (found,) = raspberry_pi_meters(run, never)
    assert isinstance(found, Absent)
