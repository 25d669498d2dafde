"""Which of several equal devices this is: two boards of one model are one `Device`, and two units.

Units of one model differ in speed by percents. Values say which unit they are from, so that this can be seen.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from latency_predictors.device import Device

# In order of how surely they name the hardware: a board keeps its serial number, a system's identifier goes
# with its installation, and copies of one disk image share it.
_SERIALS = (("board", Path("proc/device-tree/serial-number")), ("system", Path("etc/machine-id")))
_PURPOSE = b"hwnas unit"
_UNSET = ("", "uninitialized")


@dataclass(frozen=True)
class Unit:
    """One of several equal devices.

    Attributes:
        device: With or without the identifier of a registration.
        name: Empty where nothing tells it.
    """

    device: Device
    name: str

    @property
    def label(self) -> str:
        """One line for people."""
        return f"{self.device.label} ({self.name})" if self.name else self.device.label

    def may_be(self, other: "Unit") -> bool:
        """Whether nothing tells it from another: not its hardware, nor its name where both have one."""
        same_name = not (self.name and other.name) or self.name == other.name
        return same_name and replace(self.device, registered="") == replace(other.device, registered="")


def host_unit(root: Path = Path("/")) -> str:
    """Return the unit's name, for example `board-3f9a1c05b2e477d1`; empty where nothing tells it.

    It is a hash with a purpose of its own: the serial number itself is nobody's business, and cannot be
    compared with what other programs derive from it.

    Args:
        root: Under which the system's files stand.
    """
    for kind, path in _SERIALS:
        serial = _read(root / path)
        if serial not in _UNSET:
            return f"{kind}-{hashlib.sha256(_PURPOSE + serial.encode()).hexdigest()[:16]}"
    return ""


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n") if path.is_file() else ""
