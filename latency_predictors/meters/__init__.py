"""Meters of energy and power, found by looking whether they are there and move."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from latency_predictors.meters.hwmon import hwmon_meters
from latency_predictors.meters.jetson import jetson_meters
from latency_predictors.meters.log_file import log_meter
from latency_predictors.meters.meter import Absent, Found, Meter, Quantity, Reading, Scope
from latency_predictors.meters.nvml import nvml_meters
from latency_predictors.meters.rapl import rapl_meters
from latency_predictors.meters.raspberry_pi import raspberry_pi_meters

__all__ = ["Absent", "Found", "Meter", "Quantity", "Reading", "Scope", "find_meters", "log_meter", "wait"]

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
