import subprocess
import sys

import psutil

from tests.workers.ray_processes import alive
from workers.sessions import end_session

CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); sys.exit()"


def test_what_outlives_its_parent_is_ended_with_the_session() -> None:
    leader = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    orphan = psutil.Process(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    assert orphan.is_running()
    end_session(leader.pid)
    assert alive([orphan]) == []


def test_what_is_just_being_started_is_ended_too() -> None:
    spawner = "import os, subprocess\nwhile True: print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", spawner], stdout=subprocess.PIPE, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        end_session(leader.pid)
        started = [int(line) for line in leader.stdout.read().splitlines()]
    assert alive([psutil.Process(pid) for pid in started if psutil.pid_exists(pid)]) == []


def test_another_session_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        end_session(2**22 + 1)
        assert other.poll() is None
        other.kill()
