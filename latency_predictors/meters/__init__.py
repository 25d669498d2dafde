"""Meters of energy and power, found by looking whether they are there and move."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from latency_predictors.meters.hwmon import hwmon_meters
from latency_predictors.meters.jetson import jetson_meters
from latency_predictors.meters.log_file import log_meter
from latency_predictors.meters.meter import Absent, Found, Meter, Quantity, Reading, Scope
from latency_predictors.meters.nvml import nvml_meters
from latency_predictors.meters.rapl import rapl_meters
from latency_predictors.meters.raspberry_pi import raspberry_pi_meters
from search_spaces.errors import MeasurementError

__all__ = [
    "Absent",
    "Found",
    "Meter",
    "Quantity",
    "Reading",
    "Scope",
    "best_meter",
    "find_meters",
    "log_meter",
    "require_meter",
    "running_log",
    "wait",
]

_PREFERRED: Final = ("wall", "board", "package", "rail")
"""What sees more of the machine is taken first. A graphics card's meter sees nothing of what runs here."""

_TIMEOUT_S = 5.0


def wait(seconds: float) -> None:
    """Wait."""
    threading.Event().wait(seconds)


def run_program(command: tuple[str, ...]) -> str:
    """Return what a program prints.

    Raises:
        OSError: There is none of that name, it fails, or it does not end.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    except subprocess.SubprocessError as error:
        raise OSError(str(error)) from error
    return done.stdout


def find_meters(
    root: Path = Path(os.sep),
    pause: Callable[[float], None] = wait,
    run: Callable[[tuple[str, ...]], str] = run_program,
) -> Found:
    """Return every meter of this machine, and why the others are absent; takes a second or two.

    Args:
        root: Of the file system.
        pause: Waits for so many seconds.
        run: Runs a program and returns what it prints.
    """
    return [
        *rapl_meters(root, pause),
        *nvml_meters(pause),
        *jetson_meters(root, pause),
        *raspberry_pi_meters(run, pause),
        *hwmon_meters(root, pause),
    ]


def best_meter(found: Found, package: int = 0) -> Meter | None:
    """Return the meter that sees most of what a processor runs; None where there is none.

    A rail that is not known to feed the processor is none: its watts would be those of something else.

    Args:
        found: Of this machine.
        package: Number of the one that runs it, on a machine with several: the others' meters see nothing.
    """
    there = [one for one in found if isinstance(one, Meter) and one.feeds_cpu]
    meters = [one for one in there if one.scope in _PREFERRED]
    own = f"package-{package}"
    return min(
        meters,
        key=lambda one: (_PREFERRED.index(one.scope), not one.name.endswith(own)),
        default=None,
    )


def running_log(path: Path, pause: Callable[[float], None] = wait) -> Meter:
    """Return the meter that writes a file just now.

    Raises:
        MeasurementError: `bad_meter_log`, `meter_too_slow`, or `meter_stopped` where the file does not grow.
    """
    found = log_meter(path, pause)
    if isinstance(found, Meter):
        return found
    raise MeasurementError("meter_stopped", f"{found.label}: start the meter that writes {path}")


def require_meter(log: str = "", package: int = 0, find: Callable[[], Found] = find_meters) -> Meter:
    """Return the meter that energy is measured with on this device.

    Args:
        log: File that a meter of the user's writes; the device's own meters if empty.
        package: As for `best_meter`.
        find: Looks for these.

    Raises:
        MeasurementError: `no_meter`, saying what was looked for; as `running_log`.
    """
    if log:
        return running_log(Path(log))
    found = find()
    meter = best_meter(found, package)
    if meter is None:
        unfit = "; ".join(one.label for one in found if isinstance(one, Absent) or not one.feeds_cpu)
        raise MeasurementError(
            "no_meter",
            f"energy cannot be measured on this device ({unfit}): leave energy_mj out of objectives and "
            "limits, or let a meter of yours write a file and name it in HWNAS_METER_LOG",
        )
    return meter
