"""`hwnas demo` from a standing start, as a user runs it: time, memory and what comes out."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from benchmarks.figures import Figure
from benchmarks.sections.lab import last_result, settings_of
from nas.results import SearchResult
from tests.e2e.command import hosts_in, tracer

DEMO: Final = [str(Path(sys.executable).with_name("hwnas")), "demo", "--json"]

_GIB: Final = 2**30


def run(home: Path, quick: bool) -> list[Figure]:
    """Run the demo in a fresh home of its own; it is the same when quick."""
    settings = settings_of(home / "demo")
    started = time.perf_counter()
    peak = _peak_memory(DEMO, {**os.environ, **settings.as_environment()})
    minutes = (time.perf_counter() - started) / 60
    result = last_result(settings)
    return [
        Figure("demo: wall time", minutes, "min", "<=", 5.0, _phases(result)),
        Figure("demo: peak memory of all its processes", peak / _GIB, "GiB", "<=", 3e9 / _GIB),
        *front_figures(result),
    ]


def run_watched(home: Path, quick: bool) -> list[Figure]:
    """Run the demo once more under strace: to which addresses any of its processes connects or sends.

    Apart from `run`, since being watched takes time.
    """
    settings, calls = settings_of(home / "watched"), home / "watched-calls.txt"
    home.mkdir(parents=True, exist_ok=True)
    watching = tracer(calls)
    if not watching:
        raise SystemExit("system calls cannot be watched here: install strace")
    subprocess.run(
        [*watching, *DEMO],
        env={**os.environ, **settings.as_environment()},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    outside = hosts_in(calls.read_text(encoding="utf-8")) - {"127.0.0.1", "::1"}
    return [Figure("demo: hosts it turned to", len(outside), "", "<=", 0, ", ".join(sorted(outside)))]


def front_figures(result: SearchResult) -> list[Figure]:
    """Return what the demo's front is held to."""
    front = result.targets[0].front
    latencies = [network.latency.median_ms for network in front]
    varying = {
        name
        for name in front[0].architecture
        if name != "resolution" and len({network.architecture[name] for network in front}) > 1
    }
    tests = [network.test_accuracy.value for network in front if network.test_accuracy is not None]
    return [
        Figure("demo: verified points on the front", len(front), "", ">=", 8),
        Figure("demo: slowest over fastest", max(latencies) / min(latencies), "", ">=", 3.0),
        Figure("demo: choices that vary besides resolution", len(varying), "", ">=", 4),
        Figure("demo: best test accuracy", 100 * max(tests), "%", ">=", 97.5),
        Figure("demo: networks delivered", len(result.deliveries), "", ">=", 3),
    ]


def _phases(result: SearchResult) -> str:
    return ", ".join(f"{phase.name} {phase.seconds:.0f} s" for phase in result.phases)


def _peak_memory(command: list[str], environment: dict[str, str]) -> int:
    """Run a command; return the most memory that it, its worker, and the worker's Ray held, in bytes."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.5):
            peak = max(peak, _held(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"the demo ended with status {code}")
    return peak


def _held(pid: int) -> int:
    """Return the bytes that a process and those below it hold; what they share is counted once."""
    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_proportional(one.pid) for one in family)


def _proportional(pid: int) -> int:
    with suppress(OSError):  # it ended between two looks
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return 1024 * int(line.split()[1])
    return 0
