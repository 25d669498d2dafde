import subprocess
import sys
from pathlib import Path

import pytest

from latency_predictors.lease import measuring_lease

TRY = """
import fcntl, sys
with open(sys.argv[1], "w") as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(3)
"""


def try_lock(path: Path) -> int:
    return subprocess.run([sys.executable, "-c", TRY, str(path)], check=False).returncode


def test_another_process_cannot_measure_while_the_lease_is_held(tmp_path: Path) -> None:
    with measuring_lease(tmp_path / "leases", "ab" * 32):
        (lock,) = (tmp_path / "leases").iterdir()
        assert try_lock(lock) == 3
    assert try_lock(lock) == 0


def test_two_devices_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with measuring_lease(tmp_path, "a" * 64), measuring_lease(tmp_path, "b" * 64):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_link_in_the_place_of_the_lock_is_refused_and_its_target_untouched(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / f"measuring-{'d' * 16}.lock").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"), measuring_lease(folder, "d" * 64):
        pass
    assert target.read_text() == "precious"
