from pathlib import Path

import pytest

from latency_predictors.meters.meter import (
    Absent,
    Meter,
    Reading,
    names_cpu,
    read_number,
    read_text,
    seen_to_move,
)
from tests.latency_predictors.meters.boards import never


def meter(*values: float) -> Meter:
    """A counter that shows these, one after the other, then stays."""
    left = list(values)

    def read() -> Reading:
        return Reading(left.pop(0) if len(left) > 1 else left[0])

    return Meter("m", "package", "energy_j", 1e-6, 0.1, None, read)


@pytest.mark.parametrize(
    "label", ["VDD_CPU_CV", "VDD_CPU_GPU_CV", "VDD_SYS_CPU", "POM_5V_CPU", "CPU", "cpu power"]
)
def test_a_rail_of_the_processor_says_so(label: str) -> None:
    assert names_cpu(label)


@pytest.mark.parametrize("label", ["VDD_GPU_SOC", "VIN_SYS_5V0", "SOC", "VDDRQ", "power1"])
def test_other_rails_are_not_the_processors(label: str) -> None:
    assert not names_cpu(label)


def test_a_meter_that_moves_is_there() -> None:
    assert isinstance(seen_to_move(meter(0.0, 0.0, 1.0), never), Meter)


def test_a_counter_that_always_reads_zero_is_absent() -> None:
    found = seen_to_move(meter(0.0), never)
    assert isinstance(found, Absent)
    assert found.reason.startswith("always reads 0")


def test_a_counter_that_never_moves_is_absent() -> None:
    found = seen_to_move(meter(7.5), never)
    assert isinstance(found, Absent)
    assert found.reason.startswith("never moves from 7.5")


def test_looking_takes_some_updates() -> None:
    waits: list[float] = []
    seen_to_move(meter(0.0), waits.append)
    assert waits == [0.05] * 40


def test_a_file_that_may_not_be_read_is_absent_with_the_fix() -> None:
    def read() -> Reading:
        raise PermissionError(13, "Permission denied", "/sys/x/energy_uj")

    found = seen_to_move(Meter("m", "package", "energy_j", 1e-6, 0.1, None, read), never)
    assert isinstance(found, Absent)
    assert found.fix.startswith("sudo chmod a+r /sys/x/energy_uj")
    assert "/sys/x/energy_uj" in found.label


def test_nonsense_is_absent(tmp_path: Path) -> None:
    (tmp_path / "energy").write_text("nan?\n")
    read = Meter("m", "rail", "power_w", 1, 0.1, None, lambda: read_number(tmp_path / "energy", 1.0))
    found = seen_to_move(read, never)
    assert isinstance(found, Absent)
    assert found.reason.startswith("cannot be read")


def test_numbers_have_units(tmp_path: Path) -> None:
    (tmp_path / "power").write_text("1250\n")
    assert read_number(tmp_path / "power", 1e-3) == (1.25, 0.0)
    assert read_text(tmp_path / "nothing") == ""


def test_a_meter_says_what_it_sees() -> None:
    assert meter(1.0).label == "m (package, counts joules, every 100 ms)"
