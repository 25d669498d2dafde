"""Whether a machine is fit to be measured on just now: not too hot, and with little other work.

Training pauses while a device is measured (`latency_predictors.lease`), so what is looked at is the load of a
moment, after the lease is held: the load average would count the training that has just paused.
"""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from latency_predictors.protocol import Conditions, SessionResult
from search_spaces.errors import MeasurementError

MACHINE_BUSY: Final = "machine_busy"
"""Code of what is said where a busy machine is measured all the same: that of the refusal elsewhere."""

_PROCESSOR_ZONES = ("cpu", "pkg", "soc", "core")
_PROCESSOR_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")


@dataclass(frozen=True)
class GateRules:
    """When a session may begin.

    Attributes:
        max_busy: Share of all processors that other work may keep busy.
        probe_s: Seconds over which that is looked at, before every session.
        patience_s: Seconds spent, in all sessions of a series, on waiting for other work to end.
        strict: What follows then: True refuses to measure, False measures and marks all of it as suspect.
        max_temperature_c: A processor hotter than this is about to be slowed down.
        cooling_s: Seconds that it is given to cool, in all sessions of a series, before measuring is refused.
    """

    max_busy: float = 0.25
    probe_s: float = 0.2
    patience_s: float = 5.0
    strict: bool = False
    max_temperature_c: float = 85.0
    cooling_s: float = 60.0


def gate_rules(when_busy: str) -> GateRules | None:
    """Return when a session may begin, by what is wanted of a busy machine: `measure`, `refuse` or `ignore`.

    None where nobody is to look.
    """
    return None if when_busy == "ignore" else GateRules(strict=when_busy == "refuse")


def busy_sentence(sessions: Sequence[SessionResult]) -> str:
    """Return in words that a device was measured though other work kept it busy; empty where it was not.

    The code `machine_busy` is among the words.

    Args:
        sessions: Of one device.
    """
    beside = [one for one in sessions if one.conditions.too_busy and one.conditions.busy is not None]
    if not beside:
        return ""
    most = max(one.conditions.busy or 0.0 for one in beside)
    return (
        f"other work kept {most:g} processors of {beside[0].device.label} busy ({MACHINE_BUSY}), and it was "
        "measured all the same: what was found is suspect. End that work and measure again; with "
        "HWNAS_WHEN_BUSY=refuse (`hwnas agent --when-busy refuse` on a board) only an idle machine is "
        "measured"
    )


@dataclass(frozen=True)
class Reading:
    """Sensors at one moment.

    Attributes:
        busy_ticks: That all processors together were busy; None where that cannot be read.
        all_ticks: That went by, busy or not.
        temperature_c: Of the hottest sensor of the processor; None where there is none.
        num_throttles: How often heat has slowed it down.
    """

    busy_ticks: int | None
    all_ticks: int
    temperature_c: float | None
    num_throttles: int


class Sensors(Protocol):
    """What tells of a machine's load and heat."""

    @property
    def num_cpus(self) -> int:
        """Logical processors."""

    def read(self) -> Reading:
        """Return what they show now."""


class Gate:
    """Opens when a machine is fit to be measured on. One serves one series of sessions: patience is used up.

    Args:
        rules: When that is.
        sensors: What tells.
        wait: Lets so many seconds go by.
    """

    def __init__(self, rules: GateRules, sensors: Sensors, wait: Callable[[float], object]) -> None:
        self._rules = rules
        self._sensors = sensors
        self._wait = wait
        self._patience_s = rules.patience_s
        self._cooling_s = rules.cooling_s

    def settle(self) -> Conditions:
        """Wait until a session may begin; return what was seen last.

        Raises:
            MeasurementError: `device_hot`; `machine_busy` where the rules are strict.
        """
        before = self._sensors.read()
        if before.busy_ticks is None and before.temperature_c is None:
            return Conditions()
        while True:
            self._wait(self._rules.probe_s)
            now = self._sensors.read()
            seen, before = self._seen(before, now), now
            hot = seen.temperature_c is not None and seen.temperature_c > self._rules.max_temperature_c
            if hot and self._cooling_s > 0:
                self._cooling_s -= self._rules.probe_s
            elif hot:
                raise self._too_hot(seen)
            elif seen.too_busy and self._patience_s > 0:
                self._patience_s -= self._rules.probe_s
            elif seen.too_busy and self._rules.strict:
                raise self._too_busy(seen)
            else:
                return seen

    def num_throttles(self) -> int:
        """Return how often heat has slowed the processor down."""
        return self._sensors.read().num_throttles

    def _seen(self, before: Reading, now: Reading) -> Conditions:
        busy = None
        if before.busy_ticks is not None and now.busy_ticks is not None:
            ticks = max(now.all_ticks - before.all_ticks, 1)
            busy = round(self._sensors.num_cpus * (now.busy_ticks - before.busy_ticks) / ticks, 2)
        too_busy = busy is not None and busy > self._allowed
        return Conditions(busy=busy, too_busy=too_busy, temperature_c=now.temperature_c)

    @property
    def _allowed(self) -> float:
        return self._rules.max_busy * self._sensors.num_cpus

    def _too_busy(self, seen: Conditions) -> MeasurementError:
        return MeasurementError(
            "machine_busy",
            f"other work keeps {seen.busy:g} of {self._sensors.num_cpus} processors busy, at most "
            f"{self._allowed:g} are allowed, after {self._rules.patience_s:g} s still: end it, or try later",
        )

    def _too_hot(self, seen: Conditions) -> MeasurementError:
        return MeasurementError(
            "device_hot",
            f"the processor has {seen.temperature_c:g} °C, at most {self._rules.max_temperature_c:g} are "
            f"allowed, after {self._rules.cooling_s:g} s still: let it cool, and measure again",
        )


class HostSensors:
    """What the kernel of this machine tells; where it tells nothing, nothing is known.

    Args:
        root: Where its files are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    @property
    def num_cpus(self) -> int:
        """Logical processors; see `Sensors`."""
        return os.cpu_count() or 1

    def read(self) -> Reading:
        """Read all of them; see `Sensors`."""
        busy, total = self._ticks()
        counts = self._root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count")
        return Reading(busy, total, max(self._temperatures(), default=None), sum(map(_number, counts)))

    def _ticks(self) -> tuple[int | None, int]:
        path = self._root / "proc/stat"
        if not path.is_file():
            return None, 0
        with path.open(encoding="ascii") as lines:
            user, nice, system, idle, waiting, irq, softirq, stolen = map(int, lines.readline().split()[1:9])
        busy = user + nice + system + irq + softirq + stolen
        return busy, busy + idle + waiting

    def _temperatures(self) -> list[float]:
        """Return what the sensors of the processor show, in °C."""
        files = [
            zone / "temp"
            for zone in self._root.glob("sys/class/thermal/thermal_zone*")
            if any(word in _text(zone / "type").lower() for word in _PROCESSOR_ZONES)
        ]
        for chip in self._root.glob("sys/class/hwmon/hwmon*"):
            if _text(chip / "name") in _PROCESSOR_CHIPS:
                files += chip.glob("temp*_input")
        return [_number(file) / 1000 for file in files if _text(file)]


def host_gate(rules: GateRules) -> Gate:
    """Return the gate of this machine."""
    return Gate(rules, HostSensors(), threading.Event().wait)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:  # a sensor that is switched off answers with an error
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else 0
