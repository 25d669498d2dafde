"""Units of time, and times that were not measured. Pure."""

from typing import Final

from search_spaces.errors import MeasurementError

NS_PER_MS: Final = 1e6
NS_PER_S: Final = 1e9

_LEAP_S = 1.0  # a block that is both so long and so many times the typical one was not measured:
_LEAP_FACTOR = 100.0  # the clock leapt, or the machine stood still


def check_clock(took_ns: int, typical_ns: float) -> None:
    """Refuse a time that was not measured, beside what is typical; infinite where nothing is known yet.

    Raises:
        MeasurementError: `clock_jumped`.
    """
    if 0 <= took_ns < max(_LEAP_S * NS_PER_S, _LEAP_FACTOR * typical_ns):
        return
    raise MeasurementError(
        "clock_jumped",
        f"a run that takes {typical_ns / NS_PER_MS:.3g} ms seemed to take {took_ns / NS_PER_MS:.6g} ms: the "
        "clock jumped, or the machine stood still; measure again, on a machine that is not suspended",
    )
