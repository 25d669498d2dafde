"""The doctor sees what spoils measurements and says what to do about it."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from latency_predictors.anchors import default_anchors
from latency_predictors.device import host_context, host_device
from latency_predictors.measure import NETWORK_PROTOCOL, Summary
from latency_predictors.meters import Absent, Meter, Reading
from latency_predictors.protocol import SessionResult, SubjectResult
from latency_predictors.runtimes import RUNTIMES
from search_spaces.errors import MeasurementError
from workers.doctor import (
    NEEDED_PACKAGES,
    Check,
    Diagnosis,
    check_clock,
    check_cores,
    check_disk,
    check_governor,
    check_load,
    check_memory,
    check_meters,
    check_packages,
    check_runtime,
    check_steadiness,
    check_throttling,
    quota_cores,
)

CPU = "sys/devices/system/cpu/cpu0"


def written(root: Path, path: str, text: str) -> Path:
    """Put a file where the kernel has it, under another root."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text + "\n")
    return root


def session(**medians_ms: float) -> SessionResult:
    """A session that measured these medians."""
    context = host_context()
    results = [
        SubjectResult(
            digest=name,
            summary=Summary(
                median_ms=median,
                low_ms=median,
                high_ms=median,
                mean_ms=median,
                std_ms=0.0,
                p99_ms=median,
                p10_ms=median,
                p90_ms=median,
                min_ms=median,
                num_blocks=30,
                runs_per_block=1,
                wide=False,
            ),
            scale=1.0,
            suspect=False,
            num_repeats=0,
        )
        for name, median in medians_ms.items()
    ]
    return SessionResult(
        session_id="s",
        started_at="2026-01-01T00:00:00+00:00",
        device=host_device(),
        context=context,
        timing=NETWORK_PROTOCOL,
        cpus=(0,),
        results=tuple(results),
        readings=(),
        reference_ms={},
    )


def test_packages() -> None:
    assert check_packages().verdict == "ok"
    assert {"ray", "sqlalchemy"} <= set(NEEDED_PACKAGES)
    missing = check_packages(("numpy", "no-such-package"))
    assert (missing.verdict, missing.fix) == ("fail", "pip install 'hwnas[server]'")
    assert "no-such-package" in missing.found
    assert "numpy" not in missing.found


@pytest.mark.parametrize(
    ("usable", "quota", "verdict"),
    [(4, None, "ok"), (4, 4.0, "ok"), (4, 1.5, "warn"), (1, None, "warn")],
)
def test_cores(usable: int, quota: float | None, verdict: str) -> None:
    assert check_cores(usable, quota).verdict == verdict


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000", None), ("150000 100000", 1.5), ("200000 100000", 2.0)]
)
def test_quota_of_a_container(tmp_path: Path, text: str, cores: float | None) -> None:
    assert quota_cores(tmp_path) is None
    assert quota_cores(written(tmp_path, "sys/fs/cgroup/cpu.max", text)) == cores


def test_governor(tmp_path: Path) -> None:
    assert check_governor(tmp_path).verdict == "ok"
    file = f"{CPU}/cpufreq/scaling_governor"
    assert check_governor(written(tmp_path, file, "performance")).verdict == "ok"
    found = check_governor(written(tmp_path, file, "powersave"))
    assert (found.verdict, found.fix) == ("warn", "sudo cpupower frequency-set -g performance")


def test_throttling(tmp_path: Path) -> None:
    file = f"{CPU}/thermal_throttle/core_throttle_count"
    assert check_throttling(written(tmp_path, file, "0")).verdict == "ok"
    assert "12 times" in check_throttling(written(tmp_path, file, "12")).found


def test_load() -> None:
    assert check_load(0.1).verdict == "ok"
    assert check_load(2.0).verdict == "warn"


def test_clock(tmp_path: Path) -> None:
    file = "sys/devices/system/clocksource/clocksource0/current_clocksource"
    assert check_clock(written(tmp_path, file, "tsc"), 1e-9).verdict == "ok"
    assert check_clock(tmp_path, 1e-3).verdict == "warn"
    assert check_clock(written(tmp_path, file, "acpi_pm"), 1e-9).verdict == "warn"


def test_memory() -> None:
    assert check_memory(8 * 2**30).verdict == "ok"
    little = check_memory(1_000_000 * 1_024)
    assert (little.verdict, little.found) == ("warn", "977 MiB available")
    assert "needs up to 3 GiB" in little.fix


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_disk(tmp_path / "not" / "made" / "yet").verdict == "ok"
    assert not (tmp_path / "not").exists()
    file = tmp_path / "file"
    file.write_text("")
    assert check_disk(file / "home").verdict == "fail"

    def full(path: Path) -> object:
        return type("Usage", (), {"free": 500 * 2**20})()

    monkeypatch.setattr("shutil.disk_usage", full)
    assert (check_disk(tmp_path).verdict, "500 MiB free" in check_disk(tmp_path).found) == ("warn", True)


def test_the_runtime_runs_and_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_runtime().verdict == "ok"
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    loud = check_runtime()
    assert loud.verdict == "fail"
    assert loud.found.startswith("telemetry_on: ")


def test_every_runtime_of_the_catalogue_runs_here_and_tells_which_graphs_it_runs() -> None:
    for name in RUNTIMES:
        check = check_runtime(name)
        assert (check.name, check.verdict, check.fix) == (name, "ok", "")
        assert check.found.startswith(f"{version(name)} runs; ")
        assert "drops dead branches" in check.found


@pytest.mark.parametrize(("name", "verdict"), [("openvino", "ok"), ("onnxruntime", "fail")])
def test_a_runtime_that_is_missing_is_listed_with_the_command_that_installs_it(
    name: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    check = check_runtime(name)
    assert (check.verdict, check.fix) == (verdict, f"pip install {name}")
    assert "not installed" in check.found


def test_meters_are_told_and_why_others_are_absent() -> None:
    rail = Meter("jetson/VDD_IN", "board", "power_w", 1e-3, 0.01, None, lambda: Reading(5.0))
    absent = Absent("rapl", "there is no /sys/class/powercap", "a kernel with powercap")
    check = check_meters([rail, absent])
    assert check.verdict == "ok"
    assert check.found.splitlines() == [
        "jetson/VDD_IN (board, tells watts, every 10 ms)",
        "rapl: there is no /sys/class/powercap → a kernel with powercap",
    ]
    none = check_meters([absent])
    assert none.found.startswith("no meter: energy is assumed")
    assert "powercap" in none.found


def test_steadiness_is_the_largest_difference_between_processes() -> None:
    steady = check_steadiness(lambda: [session(a=1.0, b=2.0), session(a=1.01, b=2.0)])
    assert (steady.verdict, "1.0 % apart" in steady.found) == ("ok", True)
    assert check_steadiness(lambda: [session(a=1.0, b=2.0), session(a=1.0, b=1.8)]).verdict == "warn"


def test_a_machine_that_cannot_be_measured_fails() -> None:
    def void() -> list[SessionResult]:
        raise MeasurementError("session_void", "the anchors moved by 40 %")

    assert check_steadiness(void).found == "session_void: the anchors moved by 40 %"


def test_anchors_are_there_to_be_measured() -> None:
    assert len(default_anchors("onnx")) >= 2


@pytest.mark.parametrize(("verdict", "failed"), [("ok", False), ("warn", False), ("fail", True)])
def test_only_a_failure_fails(verdict: str, failed: bool) -> None:
    check = Check.model_validate({"name": "x", "verdict": verdict, "found": "y"})
    assert Diagnosis(device="d", checks=(check,)).failed is failed
