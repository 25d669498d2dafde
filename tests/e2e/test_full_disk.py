"""A disk that is really full: a small file system in memory, mounted for one command."""

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from nas.jobs import JobState
from tests.e2e.command import DOCUMENT, FAULTS, HWNAS, Ended, environment, jobs_of, kept

# The shared search runs in the set-up of whichever test comes first; it measures, and so do these.
pytestmark = pytest.mark.timeout(800)

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
# $1: the folder, $2: what is in it at first, $3: kilobytes left, $4: where to keep a copy, then the command.
# Room is made when the command has told that there is none, or has ended.
SCRIPT = """
set -e
mount -t tmpfs -o size=96m tmpfs "$1"
cp -r "$2/." "$1"
free=$(df -k --output=avail "$1" | tail -n 1)
fallocate -l $((free - $3))k "$1/filler"
copy=$4; home=$1; shift 4
"$@" 2> "$copy.told" &
command=$!
while kill -0 $command 2> /dev/null && ! grep -q "no room" "$copy.told"; do sleep 0.2; done
rm "$home/filler"
status=0
wait $command || status=$?
cp -r "$home/." "$copy"
exit $status
"""


def search_on_full_disk(folder: Path, start: Path, free_kb: int) -> Ended:
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
    return Ended(left, done.returncode, done.stdout, Path(f"{left}.told").read_text(encoding="utf-8"))


def test_where_no_job_can_be_written_one_line_says_so(profiled: Path, tmp_path: Path) -> None:
    ended = search_on_full_disk(tmp_path, profiled, free_kb=0)
    assert ended.status == 1, ended.told
    assert ended.error["code"] == "disk_full"
    assert "\n" not in ended.error["message"]
    assert "free some space and start again" in ended.error["message"]
    assert ended.told == ""
    assert jobs_of(ended.home) == []


def test_a_disk_that_fills_up_in_training_costs_time_only(
    profiled: Path, finished: Ended, tmp_path: Path
) -> None:
    # A checkpoint takes about 760 kB, in training's own folder and in the store: both have room for one.
    ended = search_on_full_disk(tmp_path, profiled, free_kb=2_600)
    assert ended.status == 0, ended.told
    assert "attempt 1 failed" in ended.told
    assert "training goes on after epoch 1 of 3" in ended.told
    undisturbed, found = kept(finished.home), kept(ended.home)
    assert (found.job.state, found.job.faults) == (JobState.SUCCEEDED, {"disk": 1})
    assert found.weights == undisturbed.weights
    assert json.loads(ended.answer)["id"] == found.job.id
    assert list((ended.home / "artifacts" / ".incoming").iterdir()) == []
    assert list((ended.home / "scratch").iterdir()) == []
