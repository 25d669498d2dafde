"""The energy counters of Intel and AMD processors (RAPL), as Linux shows them.

Documented in the kernel's `Documentation/power/powercap/powercap.rst`. Only package domains are read: cores
and graphics are inside their package, memory is not everywhere, and sums over all would count twice.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from latency_predictors.meters.meter import Absent, Found, Meter, read_number, read_text, seen_to_move

FOLDER: Final = "sys/class/powercap"
UPDATE_S: Final = 0.001
"""The hardware updates its counters about every millisecond."""
_MICRO: Final = 1e-6
_UNIT_J: Final = 2.0**-14
"""61 microjoules, the unit of most processors."""


def rapl_meters(root: Path, pause: Callable[[float], None]) -> Found:
    """Return the package domains; AMD's appear under the same names.

    Args:
        root: Of the file system.
        pause: Waits for so many seconds.
    """
    folder = root / FOLDER
    if not folder.is_dir():
        return [
            Absent(
                "rapl", f"there is no /{FOLDER}", "a kernel with powercap, on a machine that is not virtual"
            )
        ]
    found: Found = []
    for domain in sorted(folder.glob("intel-rapl:*")):
        name = read_text(domain / "name")
        if name.startswith("package"):
            found.append(seen_to_move(_meter(domain, name), pause))
    return found or [Absent("rapl", f"/{FOLDER} lists no processor package", "sudo modprobe intel_rapl_msr")]


def _meter(domain: Path, name: str) -> Meter:
    range_uj = read_text(domain / "max_energy_range_uj")
    return Meter(
        name=f"rapl/{name}",
        scope="package",
        quantity="energy_j",
        resolution=_UNIT_J,
        update_s=UPDATE_S,
        wraps_at_j=float(range_uj) * _MICRO if range_uj else None,
        read=partial(read_number, domain / "energy_uj", _MICRO),
    )
