import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from latency_predictors.lease import WorkShare, host_lease_folder, measuring_lease
from search_spaces.errors import ResourceError

DEVICE = "ab" * 32

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


def locked(path: Path) -> bool:
    """Whether somebody holds a lock in any way."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def lock_of(folder: Path, name: str) -> Path:
    (path,) = folder.glob(f"{name}-*.lock")
    return path


@contextmanager
def share(folder: Path) -> Iterator[WorkShare]:
    opened = WorkShare(folder, DEVICE)
    yield opened
    opened.close()


class Elsewhere:
    """Does something in another thread, whose locks are its own; it has begun when this returns."""

    def __init__(self, do: Callable[[], None]) -> None:
        self.done = threading.Event()
        self._do = do
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self._do()
        self.done.set()

    def join(self) -> None:
        self._thread.join(10.0)
        assert self.done.is_set()


def wait_until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2_000):
        if condition():
            return
        pause.wait(0.005)
    raise AssertionError("nothing happened for ten seconds")


def test_another_process_cannot_measure_while_the_lease_is_held(tmp_path: Path) -> None:
    with measuring_lease(tmp_path / "leases", DEVICE):
        locks = sorted((tmp_path / "leases").iterdir())
        assert [path.name for path in locks] == [f"gate-{DEVICE[:16]}.lock", f"measuring-{DEVICE[:16]}.lock"]
        assert [try_lock(path) for path in locks] == [3, 3]
    assert [try_lock(path) for path in locks] == [0, 0]


def test_two_devices_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with measuring_lease(tmp_path, "a" * 64), measuring_lease(tmp_path, "b" * 64):
        assert len(list(tmp_path.glob("measuring-*"))) == 2


@pytest.mark.parametrize("name", ["gate", "measuring"])
def test_a_link_in_the_place_of_a_lock_is_refused_and_its_target_untouched(name: str, tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / f"{name}-{'d' * 16}.lock").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"), measuring_lease(folder, "d" * 64):
        pass
    with pytest.raises(OSError, match="symbolic link"):
        WorkShare(folder, "d" * 64)
    assert target.read_text() == "precious"


def test_the_folder_is_the_users_own_whatever_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = host_lease_folder()
    monkeypatch.setenv("HWNAS_HOME", "elsewhere")
    assert host_lease_folder() == before
    assert before.is_absolute()


def test_trainers_share_the_device(tmp_path: Path) -> None:
    with share(tmp_path) as first, share(tmp_path) as second, first, second:
        assert locked(lock_of(tmp_path, "measuring"))
    assert not locked(lock_of(tmp_path, "measuring"))


def test_a_step_waits_while_somebody_measures(tmp_path: Path) -> None:
    with share(tmp_path) as trainer:

        def step() -> None:
            with trainer:
                pass

        with measuring_lease(tmp_path, DEVICE):
            elsewhere = Elsewhere(step)
            assert not elsewhere.done.wait(0.2)
        elsewhere.join()


def test_measuring_waits_for_the_step_that_is_under_way(tmp_path: Path) -> None:
    def measure() -> None:
        with measuring_lease(tmp_path, DEVICE):
            pass

    with share(tmp_path) as trainer:
        with trainer:
            elsewhere = Elsewhere(measure)
            wait_until(lambda: locked(lock_of(tmp_path, "gate")))
            assert not elsewhere.done.wait(0.2)
        elsewhere.join()


def test_no_step_begins_once_somebody_waits_to_measure(tmp_path: Path) -> None:
    """Of two trainers one is always in a step: without a gate nobody would ever measure."""
    measuring, go_on = threading.Event(), threading.Event()

    def measure() -> None:
        with measuring_lease(tmp_path, DEVICE):
            measuring.set()
            go_on.wait(10.0)

    with share(tmp_path) as first, share(tmp_path) as second:

        def step() -> None:
            with second:
                pass

        with first:
            measurer = Elsewhere(measure)
            wait_until(lambda: locked(lock_of(tmp_path, "gate")))
            late = Elsewhere(step)
            assert not late.done.wait(0.2)
        assert measuring.wait(10.0)
        assert not late.done.is_set()
        go_on.set()
        measurer.join()
        late.join()


def test_a_stream_of_steps_does_not_keep_anybody_from_measuring(tmp_path: Path) -> None:
    stop, busy = threading.Event(), [0, 0]

    def train(number: int) -> None:
        with share(tmp_path) as trainer:
            while not stop.is_set():
                with trainer:
                    busy[number] += 1

    trainers = [Elsewhere(partial(train, number)) for number in (0, 1)]
    wait_until(lambda: min(busy) > 10)
    for _ in range(20):
        with measuring_lease(tmp_path, DEVICE):
            before = list(busy)
            threading.Event().wait(0.005)
            assert busy == before
    stop.set()
    for trainer in trainers:
        trainer.join()


def test_a_killed_trainer_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from latency_predictors.lease import WorkShare\n"
        "share = WorkShare(pathlib.Path(sys.argv[1]), sys.argv[2])\n"
        "share.__enter__(); print('in', flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), DEVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"in\n"
        assert locked(lock_of(tmp_path, "measuring"))
        trainer.kill()
    with measuring_lease(tmp_path, DEVICE):
        pass


def test_a_folder_that_somebody_else_has_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(ResourceError, match="belongs to somebody else"), measuring_lease(tmp_path, DEVICE):
        raise AssertionError("nothing is measured")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_temporary_can_be_written_it_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.raises(ResourceError, match="ReadWritePaths=/tmp") as caught:
        host_lease_folder()
    assert caught.value.code == "not_writable"
