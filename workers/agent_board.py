"""What a board tells of itself when it registers."""

import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from latency_predictors.device import host_context, host_device
from latency_predictors.gate import HostSensors, Sensors
from latency_predictors.power_mode import power_mode
from latency_predictors.runtimes import RUNTIMES
from latency_predictors.unit import host_unit
from search_spaces.errors import MeasurementError


def board_facts(sensors: Sensors | None = None) -> Mapping[str, Any]:
    """Return the facts of this machine, as `agent_protocol.Registration` has them.

    Args:
        sensors: Of its load and heat; the kernel's if not given.
    """
    return {
        "version": version("hwnas"),
        "device": host_device(),
        "unit": host_unit(),
        "runtimes": _runtimes(),
        "power_mode": power_mode(),
        "system": _system(),
        "sensors": _sensors(sensors or HostSensors()),
    }


def default_name() -> str:
    """Return what this machine calls itself, as a name for specifications."""
    name = re.sub(r"[^a-z0-9._-]+", "-", platform.node().partition(".")[0].lower()).strip("._-")
    return "board" if name in ("", "host") else name[:40]


def _runtimes() -> dict[str, str]:
    """Return the versions of the runtimes that are installed here."""
    found = {}
    for name in RUNTIMES:
        try:
            found[name] = host_context(name).runtime_version
        except MeasurementError:
            continue  # it is not installed
    return found


def _system(root: Path = Path("/")) -> str:
    """Return what updates change beside runtimes: kernel, distribution, firmware, interpreter."""
    parts = [platform.release(), platform.version(), platform.python_version()]
    firmware = root / "sys/class/dmi/id/bios_version"
    with suppress(OSError):
        parts.append(platform.freedesktop_os_release().get("PRETTY_NAME", ""))
    with suppress(OSError):
        parts.append(firmware.read_text(encoding="utf-8", errors="replace").strip())
    return ", ".join(part for part in parts if part)[:200]


def _sensors(sensors: Sensors) -> tuple[str, ...]:
    seen = sensors.read()
    told = {"load": seen.busy_ticks is not None, "temperature": seen.temperature_c is not None}
    return tuple(name for name, there in told.items() if there)
