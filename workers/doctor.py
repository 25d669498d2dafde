"""Whether this machine is fit for measuring and training, and what to do where it is not."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, Literal

import psutil
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from latency_predictors.anchors import default_anchors
from latency_predictors.device import host_context, host_device
from latency_predictors.lease import host_lease_folder
from latency_predictors.measure import NETWORK_PROTOCOL
from latency_predictors.meters import Absent, Found, Meter, find_meters
from latency_predictors.probes import graph_by_kernels, probe_subjects
from latency_predictors.processors import usable_cpus
from latency_predictors.protocol import SessionResult
from latency_predictors.runtimes import RUNTIMES, get_runtime
from latency_predictors.session import run_sessions
from nas.report.numbers import BYTES, percent, with_unit
from nas.results import Document
from nas.settings import Settings
from search_spaces.errors import MeasurementError

Verdict = Literal["ok", "warn", "fail"]

GIB: Final = 2**30
NEEDED_MEMORY_BYTES: Final = 3 * GIB
NEEDED_PACKAGES: Final = ("torch", "onnx", "scikit-learn", "safetensors", "ray", "sqlalchemy", "alembic")
BUSY_LOAD: Final = 0.5
"""Runnable processes on average, beside this one, above which measurements are disturbed."""
STEADY: Final = 0.05
"""Difference of two sessions that the correction by anchors copes with."""
COARSE_CLOCK_S: Final = 1e-6
DEFAULT_RUNTIME: Final = "onnxruntime"
"""Part of the base: nothing works without it."""
_STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}


class Check(Document):
    """One thing that was looked at.

    Attributes:
        name: What.
        verdict: `warn` disturbs figures, `fail` keeps hwnas from working.
        found: What is the case.
        fix: What to do about it; empty where nothing is.
    """

    name: str
    verdict: Verdict
    found: str
    fix: str = ""


class Diagnosis(Document):
    """All checks of this machine."""

    device: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        """Whether something keeps hwnas from working here."""
        return any(check.verdict == "fail" for check in self.checks)

    def __rich__(self) -> RenderableType:
        """Draw one line a check, with the fix below it."""
        table = Table(box=None, show_header=False, title=self.device, title_justify="left", title_style="")
        for check in self.checks:
            found = check.found if not check.fix else f"{check.found}\n→ {check.fix}"
            table.add_row(Text(check.verdict, style=_STYLES[check.verdict]), check.name, found)
        return table


def examine_host(settings: Settings) -> Diagnosis:
    """Look at everything that spoils measurements or training here; measures for a few seconds."""
    root = Path("/")
    checks = [
        check_packages(),
        check_cores(usable_cpus(), quota_cores(root)),
        check_governor(root),
        check_throttling(root),
        check_load(os.getloadavg()[0]),
        check_clock(root, time.get_clock_info("perf_counter").resolution),
        check_memory(psutil.virtual_memory().available),
        check_disk(settings.home),
        *(check_runtime(name) for name in RUNTIMES),
        check_meters(find_meters()),
        check_steadiness(lambda: _measure_anchors(settings)),
    ]
    return Diagnosis(device=host_device().label, checks=tuple(checks))


def check_packages(needed: Iterable[str] = NEEDED_PACKAGES) -> Check:
    """Look for what searching needs beside the base."""
    missing = []
    for package in needed:
        try:
            version(package)
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        found = f"not installed: {', '.join(missing)}; searching needs them, measuring does not"
        return Check(name="packages", verdict="fail", found=found, fix="pip install 'hwnas[server]'")
    return Check(name="packages", verdict="ok", found="everything is installed")


def check_cores(usable: int, quota: float | None) -> Check:
    """Look at how much processor this process may use."""
    name = "processor"
    if quota is not None and quota < usable:
        found = f"{usable} cores, but a quota of {quota:g} of them: the kernel halts processes that reach it"
        return Check(name=name, verdict="warn", found=found, fix="raise the container's quota to whole cores")
    if usable < 2:
        fix = "nothing to do; leave the machine alone while it measures"
        return Check(name=name, verdict="warn", found="1 core, shared with everything else", fix=fix)
    return Check(name=name, verdict="ok", found=f"{usable} cores usable")


def quota_cores(root: Path) -> float | None:
    """Return the processor time that a container's group may use, in cores; None without a quota."""
    words = (_read(root / "sys/fs/cgroup/cpu.max") or "max").split()
    return None if words[0] == "max" else int(words[0]) / int(words[1])


def check_governor(root: Path) -> Check:
    """Look at whether the clock of the processor changes with load."""
    name = "frequency"
    files = sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"))
    governors = sorted({text for file in files if (text := _read(file))})
    if not governors:
        return Check(name=name, verdict="ok", found="not readable here (usual in virtual machines)")
    if governors != ["performance"]:
        found = f"governor {', '.join(governors)}: the clock follows the load"
        fix = "sudo cpupower frequency-set -g performance"
        return Check(name=name, verdict="warn", found=found, fix=fix)
    return Check(name=name, verdict="ok", found="governor performance")


def check_throttling(root: Path) -> Check:
    """Look at whether the processor was too hot since the machine started."""
    name = "heat"
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [int(text) for file in files if (text := _read(file))]
    if not counts:
        return Check(name=name, verdict="ok", found="not readable here (usual in virtual machines)")
    if sum(counts):
        found = f"slowed down by heat {sum(counts)} times since the machine was started"
        return Check(
            name=name, verdict="warn", found=found, fix="cool it, or profile while it is idle and cool"
        )
    return Check(name=name, verdict="ok", found="never slowed down by heat since the machine was started")


def check_load(load: float) -> Check:
    """Look at whether something else is running; `load` is the mean number of runnable processes."""
    found = f"{load:.1f} runnable processes on average over the last minute"
    if load > BUSY_LOAD:
        return Check(name="load", verdict="warn", found=found, fix="stop other work while hwnas measures")
    return Check(name="load", verdict="ok", found=found)


def check_clock(root: Path, resolution_s: float) -> Check:
    """Look at whether the clock is fine enough for inferences of microseconds."""
    source = _read(root / "sys/devices/system/clocksource/clocksource0/current_clocksource")
    found = f"resolution {resolution_s * 1e9:g} ns" + (f", source {source}" if source else "")
    if resolution_s > COARSE_CLOCK_S or source in ("acpi_pm", "hpet", "jiffies"):
        fix = "choose a finer clock source in the kernel's boot options (clocksource=tsc)"
        return Check(name="clock", verdict="warn", found=found, fix=fix)
    return Check(name="clock", verdict="ok", found=found)


def check_memory(available_bytes: int) -> Check:
    """Look at how much memory is free."""
    found = f"{with_unit(available_bytes, BYTES)} available"
    if available_bytes < NEEDED_MEMORY_BYTES:
        fix = f"close other programs: the demo needs up to {with_unit(NEEDED_MEMORY_BYTES, BYTES, digits=1)}"
        return Check(name="memory", verdict="warn", found=found, fix=fix)
    return Check(name="memory", verdict="ok", found=found)


def check_disk(home: Path) -> Check:
    """Look at whether results can be written and how many fit."""
    existing = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        fix = "make it writable, or set HWNAS_HOME to another folder"
        return Check(name="disk", verdict="fail", found=f"{existing} cannot be written to", fix=fix)
    free = shutil.disk_usage(existing).free
    found = f"{with_unit(free, BYTES)} free for {home}"
    if free < GIB:
        fix = "free some, or set HWNAS_HOME to a folder on another disk"
        return Check(name="disk", verdict="fail" if free < GIB / 5 else "warn", found=found, fix=fix)
    return Check(name="disk", verdict="ok", found=found)


def check_runtime(name: str = DEFAULT_RUNTIME) -> Check:
    """Run a network with a runtime, which refuses while its reporting is on; say which graphs it runs."""
    try:
        runtime, context = get_runtime(name), host_context(name)
        probes = probe_subjects(runtime.file_format, context.precision)
        kernels = {probe.path.stem: runtime.kernels(probe.path, context) for probe in probes}
    except MeasurementError as error:
        missing = error.code == "runtime_missing"
        fix = f"pip install {name}" if missing else "see the message"
        if missing and name != DEFAULT_RUNTIME:
            return Check(name=name, verdict="ok", found="not installed, and not needed", fix=fix)
        return Check(name=name, verdict="fail", found=f"{error.code}: {error.message}", fix=fix)
    graph = graph_by_kernels(kernels).label
    found = f"{context.runtime_version} runs; its reporting to its maker is switched off; it {graph}"
    return Check(name=name, verdict="ok", found=found)


def check_meters(found: Found) -> Check:
    """Look at which meters of energy there are, and why not the others."""
    there = [one.label for one in found if isinstance(one, Meter)]
    absent = [one.label for one in found if isinstance(one, Absent)]
    if there:
        return Check(name="energy", verdict="ok", found="\n".join(there + absent))
    found_none = "\n".join(["no meter: energy is assumed, and labelled so", *absent])
    return Check(name="energy", verdict="ok", found=found_none)


def check_steadiness(sessions: Callable[[], list[SessionResult]]) -> Check:
    """Measure the same networks in two fresh processes and compare."""
    name = "steadiness"
    fix = "stop other work, fix the warnings above, try again"
    try:
        medians: dict[str, list[float]] = {}
        for session in sessions():
            for result in session.results:
                medians.setdefault(result.digest, []).append(result.summary.median_ms)
    except MeasurementError as error:
        return Check(name=name, verdict="fail", found=f"{error.code}: {error.message}", fix=fix)
    difference = max(max(values) / min(values) - 1.0 for values in medians.values())
    found = f"the same network in two processes: {percent(difference, digits=2)} % apart"
    if difference > STEADY:
        return Check(name=name, verdict="warn", found=found, fix=fix)
    return Check(name=name, verdict="ok", found=found)


def _measure_anchors(settings: Settings) -> list[SessionResult]:
    subjects = default_anchors("onnx")
    sessions = run_sessions(subjects, host_context(), NETWORK_PROTOCOL, lease_folder=host_lease_folder())
    return list(sessions)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None
