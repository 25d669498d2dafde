from pathlib import Path

import pytest

from latency_predictors.meters import find_meters, run_program
from latency_predictors.meters.meter import Absent, Meter
from latency_predictors.meters.rapl import FOLDER
from tests.latency_predictors.meters.boards import PMIC, RAPL, board, counting, never


def test_every_kind_of_meter_is_there_or_absent_with_a_reason(tmp_path: Path) -> None:
    found = find_meters(tmp_path, never, lambda command: "")
    names = {one.name.split("/")[0] for one in found}
    assert {"rapl", "jetson", "raspberry pi", "hwmon"} <= names
    assert all(one.reason for one in found if isinstance(one, Absent))


def test_what_moves_is_found(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, RAPL)
    pause = counting(tmp_path / FOLDER / "intel-rapl:0" / "energy_uj", 61)
    found = [one for one in find_meters(tmp_path, pause, lambda command: PMIC) if isinstance(one, Meter)]
    # The rails of the board print the same each time: they do not move.
    assert [one.name for one in found if not one.name.startswith("nvml")] == ["rapl/package-0"]


def test_programs_print_or_fail() -> None:
    assert run_program(("echo", "hello")) == "hello\n"
    for command in (("false",), ("no-such-program-anywhere",)):
        with pytest.raises(OSError, match="."):
            run_program(command)
