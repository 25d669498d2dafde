import subprocess
import sys
import threading
from pathlib import Path

import psutil

from workers.sessions import end_session, remove_folder

CHILD = "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); sys.exit()"


def test_what_outlives_its_parent_is_ended_with_the_session() -> None:
    leader = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, start_new_session=True)
    assert leader.stdout is not None
    orphan = psutil.Process(int(leader.stdout.readline()))
    leader.stdout.close()
    leader.wait()
    assert orphan.is_running()
    end_session(leader.pid)
    psutil.wait_procs([orphan], timeout=10)
    assert not orphan.is_running()


def test_another_session_is_left_alone() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        end_session(2**22 + 1)
        assert other.poll() is None
        other.kill()


def test_a_folder_is_gone_though_somebody_writes_into_it_for_a_moment(tmp_path: Path) -> None:
    folder, begun = tmp_path / "folder", threading.Event()

    def write() -> None:
        for number in range(200):
            folder.mkdir(exist_ok=True)
            (folder / f"{number}.log").write_text("still here")
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    writer.join()
    remove_folder(folder)
    assert not folder.exists()
