from pathlib import Path

import pytest

from latency_predictors.meters.hwmon import UPDATE_S, hwmon_meters
from latency_predictors.meters.meter import Absent, Meter
from tests.latency_predictors.meters.boards import ORIN, SERVER, board, counting, never

FOLDER = "sys/class/hwmon"


def test_counters_of_cores_are_inside_their_socket(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, SERVER)
    counter = tmp_path / FOLDER / "hwmon1/energy2_input"
    socket, power = hwmon_meters(tmp_path, counting(counter, 50_000))
    assert isinstance(socket, Meter)
    assert (socket.name, socket.scope, socket.quantity) == (
        "hwmon/amd_energy/Esocket0",
        "package",
        "energy_j",
    )
    assert socket.read().value == pytest.approx(int(counter.read_text()) * 1e-6)
    assert socket.update_s == UPDATE_S
    assert isinstance(power, Absent)


def test_a_power_meter_tells_its_interval(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, SERVER)
    _, power = hwmon_meters(tmp_path, counting(tmp_path / FOLDER / "hwmon2/power1_average", 1))
    assert isinstance(power, Meter)
    assert (power.scope, power.quantity, power.update_s) == ("board", "power_w", 0.05)


def test_what_is_told_at_once_is_taken_before_an_average(tmp_path: Path) -> None:
    files = {"hwmon2/name": "amdgpu", "hwmon2/power1_average": "9", "hwmon2/power1_input": "31000000"}
    board(tmp_path, FOLDER, files)
    (found,) = hwmon_meters(tmp_path, counting(tmp_path / FOLDER / "hwmon2/power1_input", 1_000_000))
    assert isinstance(found, Meter)
    assert found.scope == "gpu"
    assert found.read().value >= 32.0


def test_chips_without_power_and_rails_of_others_are_left_out(tmp_path: Path) -> None:
    (found,) = hwmon_meters(board(tmp_path, FOLDER, ORIN), never)
    assert isinstance(found, Absent)
