"""Units of one model are told apart, and their serial numbers stay theirs."""

from dataclasses import replace
from pathlib import Path

from latency_predictors.unit import Unit, host_unit
from tests.latency_predictors.sessions import DEVICE

BOARD, SYSTEM = "proc/device-tree/serial-number", "etc/machine-id"


def written(root: Path, path: str, content: bytes) -> Path:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    return root


def test_nothing_is_known_where_nothing_tells(tmp_path: Path) -> None:
    assert host_unit(tmp_path) == ""
    assert host_unit(written(tmp_path, SYSTEM, b"uninitialized\n")) == ""


def test_a_unit_is_the_same_every_time_and_another_one_is_not(tmp_path: Path) -> None:
    first = host_unit(written(tmp_path / "a", SYSTEM, b"0123456789abcdef0123456789abcdef\n"))
    assert first == host_unit(written(tmp_path / "b", SYSTEM, b"0123456789abcdef0123456789abcdef\n"))
    assert first != host_unit(written(tmp_path / "c", SYSTEM, b"1123456789abcdef0123456789abcdef\n"))
    assert first.startswith("system-")


def test_the_board_goes_before_what_is_installed_on_it(tmp_path: Path) -> None:
    root = written(tmp_path, SYSTEM, b"0123456789abcdef0123456789abcdef\n")
    board = host_unit(written(root, BOARD, b"10000000abcdef01\0"))
    assert board.startswith("board-")
    # Installed anew, it is still the same board.
    assert host_unit(written(root, SYSTEM, b"another\n")) == board


def test_the_serial_number_itself_is_not_told(tmp_path: Path) -> None:
    assert "abcdef01" not in host_unit(written(tmp_path, BOARD, b"10000000abcdef01\0"))


def test_units_are_told_apart_by_hardware_and_by_their_names_where_both_have_one() -> None:
    one, unnamed = Unit(DEVICE, "board-1"), Unit(DEVICE, "")
    assert one.may_be(Unit(replace(DEVICE, registered="0" * 16), "board-1"))
    assert one.may_be(unnamed)
    assert unnamed.may_be(one)
    assert not one.may_be(Unit(DEVICE, "board-2"))
    assert not unnamed.may_be(Unit(replace(DEVICE, memory_gib=64), ""))
    assert (one.label, unnamed.label) == (f"{DEVICE.label} (board-1)", DEVICE.label)
