from pathlib import Path

import pytest

from latency_predictors.meters.meter import Absent, Meter
from latency_predictors.meters.rapl import FOLDER, rapl_meters
from tests.latency_predictors.meters.boards import RAPL, board, counting, never, recorded


def test_only_packages_are_read(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, RAPL)
    counter = tmp_path / FOLDER / "intel-rapl:0" / "energy_uj"
    (found,) = rapl_meters(tmp_path, counting(counter, 61))
    assert isinstance(found, Meter)
    assert (found.name, found.scope, found.quantity) == ("rapl/package-0", "package", "energy_j")
    assert found.wraps_at_j == pytest.approx(262143.32885)
    assert found.read().value == pytest.approx(int(counter.read_text()) * 1e-6)


def test_the_package_of_a_real_laptop_is_read_and_not_what_is_in_it(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, recorded("intel_laptop.txt"))
    counter = tmp_path / FOLDER / "intel-rapl:0" / "energy_uj"
    as_recorded = counter.read_text()
    (found,) = rapl_meters(tmp_path, counting(counter, 61))
    assert isinstance(found, Meter)
    counter.write_text(as_recorded)
    assert found.name == "rapl/package-0"
    assert found.read().value == pytest.approx(26963.529117)
    assert found.wraps_at_j == pytest.approx(262143.32885)


def test_a_counter_of_a_virtual_machine_is_absent(tmp_path: Path) -> None:
    board(tmp_path, FOLDER, {**RAPL, "intel-rapl:0/energy_uj": "0"})
    (found,) = rapl_meters(tmp_path, never)
    assert isinstance(found, Absent)
    assert "always reads 0" in found.reason


def test_without_powercap_the_reason_is_told(tmp_path: Path) -> None:
    (found,) = rapl_meters(tmp_path, never)
    assert isinstance(found, Absent)
    assert "no /sys/class/powercap" in found.reason
    assert found.fix


def test_powercap_without_packages(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    (found,) = rapl_meters(tmp_path, never)
    assert isinstance(found, Absent)
    assert "lists no processor package" in found.reason
