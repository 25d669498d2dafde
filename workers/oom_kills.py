"""How often the kernel has ended processes for want of memory: all that tells such an end from a crash."""

from pathlib import Path
from typing import Final

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")


def oom_kills(cgroups: Path = _CGROUPS, own: Path = _OWN) -> int:
    """Return how many processes of this control group the kernel has ended for want of memory.

    Whatever ran short, the group or the whole machine. 0 where the system does not count, as on macOS.

    Args:
        cgroups: Where control groups are mounted.
        own: Says which ones this process is in.
    """
    for line in own.read_text().splitlines() if own.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            place, name = cgroups, "memory.events"
        elif "memory" in controllers.split(","):
            place, name = cgroups / "memory", "memory.oom_control"
        else:
            continue
        # In a container the mount may begin at this group itself.
        for file in (place / path.lstrip("/") / name, place / name):
            if file.exists():
                return _count(file)
    return 0


def _count(file: Path) -> int:
    counts = dict(line.split(" ", 1) for line in file.read_text().splitlines())
    return int(counts.get("oom_kill", 0))
