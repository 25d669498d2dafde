"""The kernel's own count of processes that it has ended for want of memory."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from workers.oom_kills import oom_kills

COUNTED = "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n"
COUNTED_V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"

# Counts, has a child take more than there is, counts again.
PROGRAM = """
import subprocess, sys
from workers.oom_kills import oom_kills
before = oom_kills()
child = subprocess.run([sys.executable, "-c", "print(len(bytearray(400 * 2**20)))"])
print(child.returncode, oom_kills() - before)
"""


def counted(folder: Path, groups: str, files: dict[str, str]) -> int:
    """Count in a system that is made up of files."""
    own = folder / "own"
    own.write_text(groups)
    for name, content in files.items():
        path = folder / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return oom_kills(folder / "cgroup", own)


def test_it_is_read_where_this_group_stands(tmp_path: Path) -> None:
    files = {"user/job/memory.events": COUNTED, "memory.events": COUNTED.replace("kill 2", "kill 9")}
    assert counted(tmp_path, "0::/user/job\n", files) == 2


def test_in_a_container_the_mount_may_begin_at_this_group(tmp_path: Path) -> None:
    assert counted(tmp_path, "0::/somewhere/outside\n", {"memory.events": COUNTED}) == 2


def test_older_systems_count_as_well(tmp_path: Path) -> None:
    groups = "8:pids:/\n4:memory,hugetlb:/job\n0::/\n"
    assert counted(tmp_path, groups, {"memory/job/memory.oom_control": COUNTED_V1}) == 5


@pytest.mark.parametrize("groups", ["", "0::/\n", "8:pids:/\n"])
def test_where_nothing_is_counted_nothing_is_known(tmp_path: Path, groups: str) -> None:
    assert counted(tmp_path, groups, {}) == 0
    assert oom_kills(tmp_path / "cgroup", tmp_path / "missing") == 0


@pytest.fixture
def narrow_group() -> Iterator[Path]:
    """A control group below this one with room for a small process only."""
    groups = Path("/proc/self/cgroup")
    lines = groups.read_text().splitlines() if groups.exists() else []
    places = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    if "memory" in places:
        group, limit = Path(f"/sys/fs/cgroup/memory{places['memory']}/hwnas-test"), "memory.limit_in_bytes"
    else:
        group, limit = Path(f"/sys/fs/cgroup{places.get('', '')}/hwnas-test"), "memory.max"
    try:
        group.mkdir()
        (group / limit).write_text(str(200 * 2**20))
    except OSError:
        with suppress(OSError):
            group.rmdir()
        pytest.skip("this system lets nobody make a control group with a limit of its own")
    yield group
    group.rmdir()


def test_a_process_that_the_kernel_has_ended_is_counted(narrow_group: Path, repository: Path) -> None:
    def enter() -> None:
        (narrow_group / "cgroup.procs").write_text(str(os.getpid()))

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=repository,
        preexec_fn=enter,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "-9 1\n"
