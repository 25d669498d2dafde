"""The rails of Jetson boards, watched by an INA3221.

Files as the kernel documents them (`Documentation/hwmon/ina3221.rst`: `inN_label`, `inN_input` in millivolts,
`currN_input` in milliamperes), and as JetPack up to 4 has them (`rail_name_N`, `in_powerN_input` in
milliwatts). A rail named `VDD_IN` or `POM_5V_IN` supplies the whole module. The AGX series has none; of the
rails of AGX Orin (`VDD_GPU_SOC`, `VDD_CPU_CV`, `VIN_SYS_5V0`) and AGX Xavier (`GPU`, `CPU`, `SOC` and others)
one feeds the processor.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from latency_predictors.meters.meter import (
    Absent,
    Found,
    Meter,
    Reading,
    Scope,
    names_cpu,
    read_number,
    read_text,
    seen_to_move,
)

UPDATE_S: Final = 0.01
"""The chip converts one channel in about a millisecond; boards average and poll it ten times as slowly."""
_MILLI: Final = 1e-3
_WHOLE: Final = ("VDD_IN", "POM_5V_IN")
_CHANNELS: Final = (1, 2, 3)


def jetson_meters(root: Path, pause: Callable[[float], None]) -> Found:
    """Return one meter a rail.

    Args:
        root: Of the file system.
        pause: Waits for so many seconds.
    """
    found: list[Meter] = []
    for chip in sorted(root.glob("sys/class/hwmon/hwmon*")):
        if read_text(chip / "name") == "ina3221":
            found += _hwmon_rails(chip)
    for chip in sorted(root.glob("sys/bus/i2c/drivers/ina3221x/*/iio:device*")):
        found += _iio_rails(chip)
    if not found:
        return [Absent("jetson", "no INA3221 watches rails here")]
    return [seen_to_move(meter, pause) for meter in found]


def _hwmon_rails(chip: Path) -> list[Meter]:
    rails = []
    for channel in _CHANNELS:
        label = read_text(chip / f"in{channel}_label")
        if label and (chip / f"curr{channel}_input").exists():
            rails.append(_meter(label, partial(_volts_times_amperes, chip, channel)))
    return rails


def _iio_rails(chip: Path) -> list[Meter]:
    names = ((channel, read_text(chip / f"rail_name_{channel}")) for channel in range(len(_CHANNELS)))
    return [
        _meter(name, partial(read_number, chip / f"in_power{channel}_input", _MILLI))
        for channel, name in names
        if name
    ]


def _meter(label: str, read: Callable[[], Reading]) -> Meter:
    whole = label in _WHOLE
    scope: Scope = "board" if whole else "rail"
    feeds_cpu = whole or names_cpu(label)
    return Meter(f"jetson/{label}", scope, "power_w", _MILLI, UPDATE_S, None, read, feeds_cpu)


def _volts_times_amperes(chip: Path, channel: int) -> Reading:
    volts = read_number(chip / f"in{channel}_input", _MILLI).value
    return Reading(volts * read_number(chip / f"curr{channel}_input", _MILLI).value)
