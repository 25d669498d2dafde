"""Processes of this machine, told apart for good: by boot, namespace, number and start."""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from latency_predictors.device import host_device

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


def host_identity() -> str:
    """Return what no other machine has, nor this one after a restart, nor another container on it."""
    boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else f"{psutil.boot_time():.0f}"
    namespace = str(_NAMESPACE.stat().st_ino) if _NAMESPACE.exists() else ""
    return f"{platform.node()}/{boot}/{namespace}"


def own_facts() -> dict[str, Any]:
    """Return what tells others whether this process still lives, and which device it can measure."""
    started = psutil.Process().create_time()
    return {
        "host": host_identity(),
        "pid": os.getpid(),
        "started": started,
        "device": host_device().digest,
    }


def known_dead(facts: Mapping[str, Any]) -> bool:
    """Return whether a process is known to be gone; of another machine nothing is known.

    A number alone says nothing: it may have been given to another process since. A zombie is gone.
    """
    if facts.get("host") != host_identity():
        return False
    try:
        process = psutil.Process(int(facts["pid"]))
        same = abs(process.create_time() - float(facts["started"])) < 1.0
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
