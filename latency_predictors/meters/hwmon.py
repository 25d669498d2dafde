"""Energy counters and power sensors of any chip that Linux shows under `hwmon`.

Kernel documentation `Documentation/hwmon/sysfs-interface.rst`: `energyN_input` in microjoules, counting up;
`powerN_input`, or `powerN_average`, in microwatts.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from latency_predictors.meters.meter import (
    Absent,
    Found,
    Meter,
    Quantity,
    Scope,
    names_cpu,
    read_number,
    read_text,
    seen_to_move,
)

UPDATE_S: Final = 0.1
"""Where a chip does not tell its `update_interval`."""
_MICRO: Final = 1e-6
_MILLI: Final = 1e-3
_SCOPES: Final[Mapping[str, Scope]] = {
    "amd_energy": "package",
    "amdgpu": "gpu",
    "i915": "gpu",
    "xe": "gpu",
    "power_meter": "board",
}
"""By the chip's name; any other watches some rail. `power_meter` is ACPI's, of a whole machine.

A battery (`BAT0`) is one of those too: what it tells while it is charged is what charges it.
"""
_PARTS: Final = ("Ecore", "core")
"""Labels of parts of a package begin so: they are inside it."""


def hwmon_meters(root: Path, pause: Callable[[float], None]) -> Found:
    """Return one meter a sensor.

    Args:
        root: Of the file system.
        pause: Waits for so many seconds.
    """
    found: Found = []
    for chip in sorted(root.glob("sys/class/hwmon/hwmon*")):
        found += [seen_to_move(meter, pause) for meter in _meters(chip, read_text(chip / "name"))]
    return found or [Absent("hwmon", "no chip tells energy or power")]


def _meters(chip: Path, name: str) -> Iterator[Meter]:
    for path in sorted(chip.glob("energy*_input")):
        yield from _meter(chip, name, path, "energy_j")
    powers = {path.name.split("_")[0]: path for path in sorted(chip.glob("power*_average"))}
    powers |= {path.name.split("_")[0]: path for path in sorted(chip.glob("power*_input"))}
    for path in powers.values():
        yield from _meter(chip, name, path, "power_w")


def _meter(chip: Path, name: str, path: Path, quantity: Quantity) -> Iterator[Meter]:
    sensor = path.name.split("_")[0]
    label = read_text(chip / f"{sensor}_label") or sensor
    if label.startswith(_PARTS):
        return
    scope = _SCOPES.get(name, "rail")
    interval_ms = read_text(chip / "update_interval")
    yield Meter(
        name=f"hwmon/{name}/{label}",
        scope=scope,
        quantity=quantity,
        resolution=_MICRO,
        update_s=float(interval_ms) * _MILLI if interval_ms else UPDATE_S,
        wraps_at_j=None,
        read=partial(read_number, path, _MICRO),
        feeds_cpu=scope != "rail" or names_cpu(label),
    )
