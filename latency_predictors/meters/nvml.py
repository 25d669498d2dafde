"""The energy counter and the power of NVIDIA cards, through their driver's own library (NVML).

NVIDIA Management Library API reference: `nvmlDeviceGetTotalEnergyConsumption` (millijoules since the driver
was loaded, from Volta on) and `nvmlDeviceGetPowerUsage` (milliwatts, which newer cards average over a
second). The counter is taken where there is one.
"""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from latency_predictors.meters.meter import Absent, Found, Meter, Quantity, Reading, seen_to_move

LIBRARY: Final = "libnvidia-ml.so.1"
UPDATE_S: Final = 0.1
"""Cards update between 20 and 100 ms; the slower is assumed."""
_MILLI: Final = 1e-3
_FIX: Final = "install NVIDIA's driver"


def nvml_meters(pause: Callable[[float], None], load: Callable[[str], Any] = ctypes.CDLL) -> Found:
    """Return one meter a card.

    Args:
        pause: Waits for so many seconds.
        load: Opens a shared library.
    """
    try:
        nvml = load(LIBRARY)
        status = nvml.nvmlInit_v2()
    except (OSError, AttributeError) as error:
        return [Absent("nvml", f"no library of NVIDIA's driver ({error})", _FIX)]
    if status:
        return [Absent("nvml", f"the driver does not answer (status {status})", _FIX)]
    count = ctypes.c_uint()
    nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
    return [_card(nvml, number, pause) for number in range(count.value)] or [Absent("nvml", "no card")]


def _card(nvml: Any, number: int, pause: Callable[[float], None]) -> Meter | Absent:
    handle = ctypes.c_void_p()
    status = nvml.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle))
    if status:
        return Absent(f"nvml/{number}", f"the card does not answer (status {status})", _FIX)
    counter = partial(_read, nvml.nvmlDeviceGetTotalEnergyConsumption, handle, ctypes.c_ulonglong)
    power = partial(_read, nvml.nvmlDeviceGetPowerUsage, handle, ctypes.c_uint)
    found = seen_to_move(_meter(number, "energy_j", counter), pause)
    return found if isinstance(found, Meter) else seen_to_move(_meter(number, "power_w", power), pause)


def _meter(number: int, quantity: Quantity, read: Callable[[], Reading]) -> Meter:
    return Meter(f"nvml/{number}", "gpu", quantity, _MILLI, UPDATE_S, None, read)


def _read(function: Any, handle: ctypes.c_void_p, kind: type[Any]) -> Reading:
    value = kind()
    status = function(handle, ctypes.byref(value))
    if status:
        raise OSError(f"NVML status {status}")
    return Reading(value.value * _MILLI)
