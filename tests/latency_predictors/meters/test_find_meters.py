from dataclasses import replace
from pathlib import Path

import pytest

from latency_predictors.energy_figure import Scope
from latency_predictors.meters import best_meter, find_meters, require_meter, run_program, running_log
from latency_predictors.meters.meter import Absent, Found, Meter, Reading
from latency_predictors.meters.rapl import FOLDER
from search_spaces.errors import MeasurementError
from tests.latency_predictors.meters.boards import AGX_ORIN, LAPTOP, PMIC, RAPL, board, counting, never

HWMON = "sys/class/hwmon"


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


def meter(scope: Scope) -> Meter:
    return Meter(f"a {scope}", scope, "power_w", 1e-3, 0.01, None, lambda: Reading(1.0))


def test_the_meter_that_sees_most_is_taken() -> None:
    found: Found = [meter("rail"), Absent("rapl", "none"), meter("board"), meter("gpu")]
    assert require_meter(find=lambda: found).name == "a board"
    assert best_meter([meter("gpu")]) is None, "it sees nothing of what runs on the processor"


def moving(root: Path, files: dict[str, str]) -> Found:
    """What is found on a board all of whose currents and powers move."""
    numbers = [root / HWMON / name for name in files if "/curr" in name or "/power" in name]
    board(root, HWMON, files)

    def pause(seconds: float) -> None:
        for number in numbers:
            counting(number, 1)(seconds)

    found = find_meters(root, pause, lambda command: "")
    return [one for one in found if not one.name.startswith("nvml")]


def test_of_the_rails_of_a_board_that_of_the_processor_is_taken(tmp_path: Path) -> None:
    found = moving(tmp_path, AGX_ORIN)
    assert [one.name for one in found if isinstance(one, Meter)] == [
        "jetson/VDD_GPU_SOC",
        "jetson/VDD_CPU_CV",
        "jetson/VIN_SYS_5V0",
    ]
    assert require_meter(find=lambda: found).name == "jetson/VDD_CPU_CV"


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({key: text for key, text in AGX_ORIN.items() if "2_" not in key}, "jetson/VDD_GPU_SOC"),
        (LAPTOP, "hwmon/BAT0/power1"),
    ],
)
def test_what_does_not_feed_the_processor_is_told_and_never_taken(
    tmp_path: Path, files: dict[str, str], name: str
) -> None:
    found = moving(tmp_path, files)
    (first, *_) = [one for one in found if isinstance(one, Meter)]
    assert first.name == name
    assert "never taken" in first.label
    with pytest.raises(MeasurementError, match=rf"{name} \(rail, .*never taken") as caught:
        require_meter(find=lambda: found)
    assert caught.value.code == "no_meter"


def test_of_several_packages_that_counts_which_runs_the_network() -> None:
    packages: Found = [replace(meter("package"), name=f"rapl/package-{number}") for number in range(2)]
    assert [require_meter("", one, lambda: packages).name for one in range(2)] == [
        "rapl/package-0",
        "rapl/package-1",
    ]
    assert require_meter("", 1, lambda: [*packages, meter("wall")]).name == "a wall"


def test_a_device_without_a_meter_is_refused_with_what_was_looked_for() -> None:
    with pytest.raises(MeasurementError, match=r"\(rapl: no such folder\)") as caught:
        require_meter(find=lambda: [meter("gpu"), Absent("rapl", "no such folder")])
    assert caught.value.code == "no_meter"


def test_a_meter_of_ones_own_has_to_write_just_now(tmp_path: Path) -> None:
    path = tmp_path / "plug.csv"
    path.write_text("timestamp,watts\n1,4\n2,4\n")
    with pytest.raises(MeasurementError, match="start the meter that writes") as caught:
        running_log(path, lambda seconds: None)
    assert caught.value.code == "meter_stopped"
    path.write_text("1,4\n")
    with pytest.raises(MeasurementError) as caught:
        require_meter(str(path))
    assert caught.value.code == "bad_meter_log"
