"""What a meter of energy or power is, and what is said of one that is not there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from latency_predictors.energy_figure import Scope

__all__ = [
    "Absent",
    "Found",
    "Meter",
    "Quantity",
    "Reading",
    "Scope",
    "names_cpu",
    "read_number",
    "read_text",
    "seen_to_move",
]

Quantity = Literal["energy_j", "power_w"]


class Reading(NamedTuple):
    """What a meter showed.

    Attributes:
        value: Joules so far, or watts just then.
        stamp: When the meter took it, in seconds of its own clock; 0 where it does not say.
    """

    value: float
    stamp: float = 0.0


@dataclass(frozen=True)
class Meter:
    """A meter that was seen to move.

    Attributes:
        name: Unique on the device, for example `rapl/package-0`.
        scope: What it sees.
        quantity: `energy_j` counts joules up, `power_w` tells watts.
        resolution: Smallest step of its readings, in joules or watts.
        update_s: Seconds between two updates, as documented or seen.
        wraps_at_j: Where a counter starts at 0 again; None where it does not, and for power.
        read: Gives a reading; raises OSError or ValueError where there is none.
        feeds_cpu: Whether it sees what the processor takes, as far as is known.
    """

    name: str
    scope: Scope
    quantity: Quantity
    resolution: float
    update_s: float
    wraps_at_j: float | None
    read: Callable[[], Reading]
    feeds_cpu: bool = True

    @property
    def label(self) -> str:
        """One line for people."""
        what = "counts joules" if self.quantity == "energy_j" else "tells watts"
        unfit = "" if self.feeds_cpu else "; not known to feed the processor, so never taken"
        return f"{self.name} ({self.scope}, {what}, every {1e3 * self.update_s:g} ms{unfit})"


@dataclass(frozen=True)
class Absent:
    """A meter that cannot be used here.

    Attributes:
        name: Of the kind of meter, or of one of several.
        reason: Why not.
        fix: What would help; empty where nothing does.
    """

    name: str
    reason: str
    fix: str = ""

    @property
    def label(self) -> str:
        """One line for people."""
        return f"{self.name}: {self.reason}" + (f" → {self.fix}" if self.fix else "")


Found = list[Meter | Absent]


def read_number(path: Path, unit: float) -> Reading:
    """Return the number in a file of the kernel, times its unit."""
    return Reading(float(path.read_text(encoding="ascii").strip()) * unit)


def read_text(path: Path) -> str:
    """Return the text of a file of the kernel; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n")
    except OSError:
        return ""


def names_cpu(label: str) -> bool:
    """Return whether a rail of that name feeds the processor: `VDD_CPU_CV` does, `VDD_GPU_SOC` does not."""
    return "CPU" in re.split(r"[^A-Z0-9]+", label.upper())


def seen_to_move(meter: Meter, pause: Callable[[float], None], looks: int = 40) -> Meter | Absent:
    """Return the meter, or that it is absent: it reads nothing, only zeros, or always the same.

    Virtual machines offer counters that never move: such a figure would be zero joules for whatever runs.

    Args:
        meter: As its files promise it.
        pause: Waits for so many seconds.
        looks: Readings before it is given up, half an update apart.
    """
    try:
        first = meter.read()
        for _ in range(looks):
            pause(meter.update_s / 2)
            now = meter.read()
            if now != first and (now.value or first.value):
                return meter
    except PermissionError as error:
        return Absent(
            meter.name, f"may not be read by this user ({error.filename})", _fix(str(error.filename))
        )
    except (OSError, ValueError) as error:
        return Absent(meter.name, f"cannot be read: {error}")
    shown = "always reads 0" if not first.value else f"never moves from {first.value:g}"
    return Absent(meter.name, f"{shown}, as in virtual machines that only pretend to have it")


def _fix(path: str) -> str:
    return f"sudo chmod a+r {path}, or run as a user who may read it"
