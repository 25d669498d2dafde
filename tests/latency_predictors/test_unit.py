"""Units of one model are told apart, and their serial numbers stay theirs."""

from pathlib import Path

from latency_predictors.unit import host_unit

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
