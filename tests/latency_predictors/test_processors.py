"""Several threads are measured on idle processors only, and the load that was seen is told."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latency_predictors.device import ExecutionContext
from latency_predictors.measure import no_pause
from latency_predictors.processors import (
    Ticks,
    chosen_processors,
    package_of,
    require_idle,
    resting,
    system_ticks,
)
from search_spaces.errors import MeasurementError

STAT = """\
cpu  300 0 100 1500 100 0 0 0 0 0
cpu0 100 0 50 800 50 0 0 0 0 0
cpu1 200 10 50 700 20 5 5 10 40 0
intr 12345 0 0
ctxt 99
"""


def context(threads: int, affinity: tuple[int, ...] = ()) -> ExecutionContext:
    return ExecutionContext("onnxruntime", "1.31.1", threads=threads, affinity=affinity)


def test_the_kernel_counts_what_a_processor_did(tmp_path: Path) -> None:
    assert system_ticks(tmp_path) == {}
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(STAT)
    assert system_ticks(tmp_path) == {0: (150, 1000), 1: (280, 1000)}


class Processors:
    """Four processors, each busy for a share of the time that is waited."""

    def __init__(self, *shares: float) -> None:
        self.shares = shares
        self.waited_s = 0.0

    def ticks(self) -> Ticks:
        now = round(100 * self.waited_s)
        return {cpu: (round(share * now), now) for cpu, share in enumerate(self.shares)}

    def wait(self, seconds: float) -> None:
        self.waited_s += seconds


@pytest.fixture
def four_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})


@pytest.mark.usefixtures("four_processors")
def test_the_last_processors_are_taken_unless_the_context_names_its_own() -> None:
    assert chosen_processors(context(1)) == (3,)
    assert chosen_processors(context(2)) == (2, 3)
    assert chosen_processors(context(2, affinity=(0, 1))) == (0, 1)
    with pytest.raises(MeasurementError) as caught:
        chosen_processors(context(1, affinity=(7,)))
    assert caught.value.code == "no_such_cpu"


@pytest.mark.usefixtures("four_processors")
@pytest.mark.parametrize(
    ("asked", "shares", "refused"),
    [
        (context(2), (1.0, 1.0, 0.05, 0.02), False),
        (context(2), (0.0, 0.0, 0.05, 0.30), True),
        (context(2, affinity=(0, 1)), (0.0, 0.0, 0.05, 0.30), False),
        (context(4), (0.0, 0.11, 0.0, 0.0), True),
        (context(4), (0.1, 0.1, 0.1, 0.1), False),
    ],
)
def test_every_processor_of_the_context_has_to_be_idle(
    asked: ExecutionContext, shares: tuple[float, ...], refused: bool
) -> None:
    processors = Processors(*shares)
    if not refused:
        require_idle(asked, ticks=processors.ticks, wait=processors.wait)
        return
    with pytest.raises(MeasurementError, match="not measured: .*idle processors") as caught:
        require_idle(asked, ticks=processors.ticks, wait=processors.wait)
    assert caught.value.code == "not_enough_idle_cores"
    assert f" {max(shares):.0%}" in caught.value.message


def test_one_thread_is_not_looked_at() -> None:
    processors = Processors(1.0, 1.0, 1.0, 1.0)
    require_idle(context(1), ticks=processors.ticks, wait=processors.wait)
    assert processors.waited_s == 0.0


@pytest.mark.usefixtures("four_processors")
def test_fewer_processors_than_threads_are_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {5})
    with pytest.raises(MeasurementError, match="this process may use 1") as caught:
        require_idle(context(2))
    assert caught.value.code == "context_unsupported", "that does not pass by itself"


@pytest.mark.usefixtures("four_processors")
def test_a_system_that_does_not_tell_is_not_taken_for_idle() -> None:
    with pytest.raises(MeasurementError) as caught:
        require_idle(context(2), ticks=dict, wait=lambda seconds: None)
    assert caught.value.code == "context_unsupported"


@pytest.mark.usefixtures("four_processors")
def test_a_system_that_tells_of_other_processors_only_does_not_tell() -> None:
    processors = Processors(0.0, 0.0, 0.0)  # a container's are numbered anew there
    with pytest.raises(MeasurementError) as caught:
        require_idle(context(2), ticks=processors.ticks, wait=processors.wait)
    assert caught.value.code == "context_unsupported", "that does not pass by itself"
    require_idle(context(2, affinity=(1, 2)), ticks=processors.ticks, wait=processors.wait)


def test_a_process_that_computes_is_seen_by_the_real_counters() -> None:
    if not system_ticks():
        pytest.skip("this system does not tell how busy its processors are")
    cpu = max(os.sched_getaffinity(0))
    program = f"import os; os.sched_setaffinity(0, [{cpu}]); print(flush=True)\nwhile True: pass"
    asked = context(2, affinity=(cpu, min(os.sched_getaffinity(0))))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as busy:
        try:
            assert busy.stdout is not None
            busy.stdout.readline()
            with pytest.raises(MeasurementError, match=f"processor {cpu} ") as caught:
                require_idle(asked)
        finally:
            busy.kill()
    assert caught.value.code == "not_enough_idle_cores"


def test_a_rest_lasts_as_long_as_it_says_and_uses_no_processor() -> None:
    begin, used = time.perf_counter(), time.process_time()
    resting(50.0)()
    assert 0.05 <= time.perf_counter() - begin < 1.0
    assert time.process_time() - used < 0.02


def test_without_a_pause_nothing_rests() -> None:
    assert resting(0.0) is no_pause


def test_the_package_of_a_processor_is_what_the_system_says(tmp_path: Path) -> None:
    for cpu, package in ((0, "0"), (7, "1")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text(f"{package}\n")
    assert [package_of(cpus, tmp_path) for cpus in ((0,), (0, 7), (3,), ())] == [0, 1, 0, 0]
