"""The rails of the Raspberry Pi 5, told by its power management chip.

`vcgencmd pmic_read_adc` prints a current for each rail it supplies (`VDD_CORE_A current(7)=1.2A`) and a
voltage (`VDD_CORE_V volt(15)=0.87V`). Their products are summed. What hangs on the 5 V input beside the
chip, such as USB devices, is not in it, nor what conversion loses: the scope is `rail`.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from latency_predictors.meters.meter import Absent, Found, Meter, Reading, seen_to_move

COMMAND: Final = ("vcgencmd", "pmic_read_adc")
UPDATE_S: Final = 0.05
"""A call of the program takes some milliseconds; more than twenty a second would be measured themselves."""
_RESOLUTION_W: Final = 1e-3
_LINE: Final = re.compile(r"^\s*(\w+)_([AV]) \w+\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)


def raspberry_pi_meters(run: Callable[[tuple[str, ...]], str], pause: Callable[[float], None]) -> Found:
    """Return the sum of the rails.

    Args:
        run: Runs a program and returns what it prints; raises OSError where there is none.
        pause: Waits for so many seconds.
    """
    try:
        rails_power_w(run(COMMAND))
    except (OSError, ValueError):
        return [Absent("raspberry pi", "no power management chip answers `vcgencmd pmic_read_adc`")]
    read = partial(_read, run)
    meter = Meter("raspberry-pi/rails", "rail", "power_w", _RESOLUTION_W, UPDATE_S, None, read)
    return [seen_to_move(meter, pause)]


def rails_power_w(printed: str) -> float:
    """Return the watts of all rails whose voltage and current are printed.

    Raises:
        ValueError: There is none.
    """
    values: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for rail, unit, value in _LINE.findall(printed):
        values[unit][rail] = float(value)
    rails = values["A"].keys() & values["V"].keys()
    if not rails:
        raise ValueError("no rail with voltage and current")
    return sum(values["A"][rail] * values["V"][rail] for rail in sorted(rails))


def _read(run: Callable[[tuple[str, ...]], str]) -> Reading:
    return Reading(rails_power_w(run(COMMAND)))
