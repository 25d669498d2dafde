"""The processors of this host that a context runs on: which, whether they are idle, pinning, resting."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event

from latency_predictors.clock import NS_PER_MS, NS_PER_S
from latency_predictors.device import ExecutionContext
from latency_predictors.measure import no_pause
from search_spaces.errors import MeasurementError

BUSY_SHARE = 0.10
"""Of a processor's time, above which it is not idle."""

WINDOW_S = 1.0
"""How long processors are watched."""

Ticks = Mapping[int, tuple[int, int]]
"""By processor: units of time it was busy, and all, since the system was started."""


def usable_cpus() -> int:
    """Return how many processors this process may use; all where the system cannot tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def chosen_processors(context: ExecutionContext) -> tuple[int, ...]:
    """Return the processors that a context runs on: its own, or the last ones this process may use.

    None where the system cannot pin.

    Raises:
        MeasurementError: `no_such_cpu` where the context names one that this process may not use.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    chosen = context.affinity or tuple(allowed[-context.threads :])
    if not set(chosen) <= set(allowed):
        raise MeasurementError(
            "no_such_cpu", f"the context asks for processors {list(chosen)}, allowed are {allowed}"
        )
    return chosen


def pin(context: ExecutionContext) -> tuple[int, ...]:
    """Pin this process to a context's processors; return them.

    Raises:
        MeasurementError: As `chosen_processors`.
    """
    chosen = chosen_processors(context)
    if chosen:
        os.sched_setaffinity(0, chosen)
    return chosen


def require_idle(
    context: ExecutionContext,
    *,
    ticks: Callable[[], Ticks] | None = None,
    wait: Callable[[float], object] | None = None,
) -> None:
    """Refuse to measure several threads on processors that others use.

    One thread gets its processor's share back when it is disturbed for a moment, and the anchors see it. Of
    several threads all wait for the one that is disturbed, so that little work beside them changes much.

    Args:
        context: Nothing is looked at where it has one thread.
        ticks: Reads how busy processors were so far; this system's by default.
        wait: Lets some seconds pass.

    Raises:
        MeasurementError: `not_enough_idle_cores`, with the load that was seen; `context_unsupported` where
            there are fewer processors than threads, or nothing tells the load of one of them; or as
            `chosen_processors`.
    """
    if context.threads < 2:
        return
    chosen, needed = chosen_processors(context), context.threads
    if len(chosen) < needed:
        raise MeasurementError(
            "context_unsupported",
            f"not measured: {needed} threads need {needed} processors, this process may use {len(chosen)}; "
            "ask for fewer threads",
        )
    busy = _watched(ticks or system_ticks, wait or Event().wait)
    if not set(chosen) <= busy.keys():
        raise MeasurementError(
            "context_unsupported",
            f"not measured: {needed} threads need idle processors, and this system does not tell how busy "
            "they are; ask for one thread",
        )
    seen = {cpu: busy[cpu] for cpu in chosen}
    if max(seen.values()) > BUSY_SHARE:
        load = ", ".join(f"processor {cpu} {share:.0%}" for cpu, share in seen.items())
        raise MeasurementError(
            "not_enough_idle_cores",
            f"not measured: {needed} threads need {needed} idle processors, in {WINDOW_S:g} s others used "
            f"{load} (limit {BUSY_SHARE:.0%}); end other work, or ask for one thread",
        )


def resting(pause_ms: float) -> Callable[[], None]:
    """Return what rests between runs: the processor may idle meanwhile, as between a program's calls."""
    if not pause_ms:
        return no_pause
    never, pause_s = Event(), pause_ms * NS_PER_MS / NS_PER_S

    def rest() -> None:
        never.wait(pause_s)

    return rest


def package_of(cpus: Sequence[int], root: Path = Path("/")) -> int:
    """Return the package that processors belong to; the first one where the system does not tell.

    Args:
        cpus: That a context runs on.
        root: Under which the kernel's files stand.
    """
    path = root / f"sys/devices/system/cpu/cpu{max(cpus, default=0)}/topology/physical_package_id"
    text = path.read_text(encoding="ascii").strip() if path.is_file() else ""
    return int(text) if text.isdecimal() else 0


def system_ticks(root: Path = Path("/")) -> Ticks:
    """Return how busy each processor was since the system was started; nothing where it does not tell.

    Args:
        root: Under which the kernel's files stand.
    """
    path = root / "proc/stat"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    found = {}
    for line in lines:
        name, *numbers = line.split()
        if name.startswith("cpu") and name[3:].isdecimal():
            # user nice system idle iowait irq softirq steal; what guests use is part of user.
            times = [int(number) for number in numbers[:8]]
            found[int(name[3:])] = (sum(times) - times[3] - times[4], sum(times))
    return found


def _watched(ticks: Callable[[], Ticks], wait: Callable[[float], object]) -> dict[int, float]:
    """Return which share of a moment each processor was busy."""
    before = ticks()
    wait(WINDOW_S)
    after = ticks()
    return {
        cpu: (after[cpu][0] - busy) / max(after[cpu][1] - total, 1)
        for cpu, (busy, total) in before.items()
        if cpu in after
    }
