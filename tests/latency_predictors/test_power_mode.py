"""What decides the clock of a machine's processors, read from the files in which kernels tell it."""

from pathlib import Path

import pytest

from latency_predictors.power_mode import power_mode, require_power_mode
from search_spaces.errors import MeasurementError

GOVERNOR = "sys/devices/system/cpu/cpu{}/cpufreq/scaling_governor"
PROFILE = "sys/firmware/acpi/platform_profile"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ""),
        ({GOVERNOR.format(0): "performance"}, "governor performance"),
        ({GOVERNOR.format(0): "powersave", GOVERNOR.format(1): "powersave"}, "governor powersave"),
        (
            {GOVERNOR.format(0): "schedutil", GOVERNOR.format(4): "performance"},
            "governor performance+schedutil",
        ),
        ({PROFILE: "balanced"}, "profile balanced"),
        (
            {GOVERNOR.format(0): "powersave", PROFILE: "low-power"},
            "governor powersave, profile low-power",
        ),
    ],
)
def test_what_the_kernel_tells(files: dict[str, str], expected: str, tmp_path: Path) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    assert power_mode(tmp_path) == expected


def test_another_mode_than_the_contexts_is_refused(tmp_path: Path) -> None:
    (tmp_path / PROFILE).parent.mkdir(parents=True)
    (tmp_path / PROFILE).write_text("balanced\n")
    require_power_mode("profile balanced", tmp_path)
    require_power_mode("", tmp_path)
    with pytest.raises(MeasurementError, match="found with profile performance, now it is profile balanced"):
        require_power_mode("profile performance", tmp_path)
    with pytest.raises(MeasurementError, match="not readable") as caught:
        require_power_mode("profile balanced", tmp_path / "elsewhere")
    assert caught.value.code == "context_mismatch"
