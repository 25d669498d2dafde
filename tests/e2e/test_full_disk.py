"""A disk that is really full: a small file system in memory, mounted for one command."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.command import DOCUMENT, FAULTS, HWNAS, Ended, environment

# The shared search runs in the set-up of whichever test comes first, on a restless machine twice.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(400)]

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
# $1: the folder, $2: what is in it at first, $3: kilobytes left, $4: where to keep a copy, then the command.
SCRIPT = """
set -e
mount -t tmpfs -o size=64m tmpfs "$1"
cp -r "$2/." "$1"
free=$(df -k --output=avail "$1" | tail -n 1)
fallocate -l $((free - $3))k "$1/filler"
copy=$4; home=$1; shift 4
status=0
"$@" || status=$?
rm "$home/filler"
cp -r "$home/." "$copy"
exit $status
"""


@dataclass(frozen=True)
class Full:
    """A command on a full disk that has ended.

    Attributes:
        left: A copy of what stood on the disk at the end.
    """

    status: int
    answer: str
    told: str
    left: Path

    def files(self, pattern: str) -> list[Path]:
        """What stood on the disk."""
        return sorted(path.relative_to(self.left) for path in self.left.glob(pattern) if path.is_file())


def on_full_disk(folder: Path, start: Path, free_kb: int) -> Full:
    """Search on a disk with so much room left; what it holds at first is copied from `start`."""
    if subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False).returncode:
        pytest.skip("this system lets nobody mount a file system of their own")
    home, left, spec = folder / "home", folder / "left", folder / "spec.yaml"
    home.mkdir()
    left.mkdir()
    spec.write_text(yaml.safe_dump(DOCUMENT))
    arguments = (str(home), str(start), str(free_kb), str(left))
    done = subprocess.run(
        [*NAMESPACE, "sh", "-c", SCRIPT, "sh", *arguments, *HWNAS, "search", str(spec), "--json"],
        env=environment(home),
        cwd=FAULTS.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    return Full(done.returncode, done.stdout, done.stderr, left)


def assert_one_line_says_it(full: Full) -> None:
    assert full.status == 1, full.told
    error = json.loads(full.answer)["error"]
    assert error["code"] == "disk_full"
    assert "\n" not in error["message"]
    assert "free some space and start again" in error["message"]
    assert "Traceback" not in full.told
    assert full.files("**/.*") == []


def test_a_full_disk_in_training_keeps_the_last_checkpoint(finished: Ended, tmp_path: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(finished.home / "tables", start / "tables")
    # A checkpoint takes about 760 kB: there is room for one and not for two.
    full = on_full_disk(tmp_path, start, free_kb=1_000)
    assert_one_line_says_it(full)
    checkpoints = [path.name for path in full.files("supernets/*/epochs-3/*")]
    assert checkpoints == ["checkpoint-00000001.json", "checkpoint-00000001.safetensors"]


def test_a_full_disk_at_delivery_leaves_no_half_bundle(finished: Ended, tmp_path: Path) -> None:
    start = tmp_path / "start"
    shutil.copytree(finished.home, start)
    run = start / "searches" / finished.run.id
    shutil.rmtree(run / "exports")
    for done in (run / "result.json", run / "report.html", *(run / "phases").glob("export*")):
        done.unlink()
    # A network alone takes more than 75 kB.
    full = on_full_disk(tmp_path, start, free_kb=60)
    assert_one_line_says_it(full)
    assert full.files("searches/*/exports/**/*") == []
    assert full.files("searches/*/result.json") == []
