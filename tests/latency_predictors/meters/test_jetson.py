from pathlib import Path

import pytest

from latency_predictors.meters.jetson import jetson_meters
from latency_predictors.meters.meter import Absent, Meter
from tests.latency_predictors.meters.boards import NANO, ORIN, board, counting, never, recorded


def meters(root: Path, moving: Path) -> list[Meter]:
    """The rails that move."""
    return [found for found in jetson_meters(root, counting(moving, 3)) if isinstance(found, Meter)]


def test_volts_times_amperes(tmp_path: Path) -> None:
    board(tmp_path, "sys/class/hwmon", ORIN)
    current = tmp_path / "sys/class/hwmon/hwmon3/curr1_input"
    before = 5.0 * int(current.read_text()) / 1000
    (rail,) = meters(tmp_path, current)
    assert (rail.name, rail.scope, rail.quantity) == ("jetson/VDD_IN", "board", "power_w")
    assert rail.read().value == pytest.approx(5.0 * int(current.read_text()) / 1000)
    assert rail.read().value > before == 6.0


def test_a_part_of_the_board_is_a_rail(tmp_path: Path) -> None:
    board(tmp_path, "sys/class/hwmon", ORIN)
    (rail,) = meters(tmp_path, tmp_path / "sys/class/hwmon/hwmon3/curr2_input")
    assert (rail.name, rail.scope) == ("jetson/VDD_CPU_GPU_CV", "rail")


def test_the_sum_of_shunt_voltages_is_no_rail(tmp_path: Path) -> None:
    names = [found.name for found in jetson_meters(board(tmp_path, "sys/class/hwmon", ORIN), never)]
    assert names == ["jetson/VDD_IN", "jetson/VDD_CPU_GPU_CV"]


def test_rails_as_a_real_agx_thor_showed_them(tmp_path: Path) -> None:
    board(tmp_path, "sys/class/hwmon", recorded("jetson_agx_thor.txt"))
    names = [found.name for found in jetson_meters(tmp_path, never)]
    assert names == ["jetson/VDD_GPU", "jetson/VDD_CPU_SOC_MSS", "jetson/VIN_SYS_5V0"]
    current = tmp_path / "sys/class/hwmon/hwmon5/curr2_input"
    as_recorded = current.read_text()
    (rail,) = meters(tmp_path, current)
    current.write_text(as_recorded)
    assert (rail.name, rail.scope, rail.feeds_cpu) == ("jetson/VDD_CPU_SOC_MSS", "rail", True)
    assert rail.read().value == pytest.approx(12.040 * 0.960)


def test_files_of_older_systems(tmp_path: Path) -> None:
    board(tmp_path, "sys/bus/i2c/drivers/ina3221x", NANO)
    power = tmp_path / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
    (rail,) = meters(tmp_path, power)
    assert (rail.name, rail.scope) == ("jetson/POM_5V_IN", "board")
    assert rail.read().value == pytest.approx(int(power.read_text()) / 1000)


def test_other_boards_have_none(tmp_path: Path) -> None:
    (found,) = jetson_meters(tmp_path, never)
    assert isinstance(found, Absent)
