"""What the processes of Ray find in their environment: loopback only, a token of Ray, one thread, no secret.

Ray reads most of it when it is imported, so that it is set before: Ray is imported in processes of its own.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from latency_predictors.child_process import without_secrets
from latency_predictors.loopback import is_loopback

NOWHERE: Final = "http://127.0.0.1:9"
"""A proxy that refuses: Ray's dashboard process asks a cloud's metadata address for itself at each start."""

PROXIES: Final = tuple(
    spelled for name in ("http_proxy", "https_proxy", "no_proxy") for spelled in (name, name.upper())
)

ONE_THREAD: Final[Mapping[str, str]] = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""Of every process that computes; see `docs/reference/settings.md`."""

_NO_REPORTS: Final[Mapping[str, str]] = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # `ray start` sends a report that reports are off.
    "RAY_USAGE_STATS_REPORT_URL": NOWHERE,
}

_STARTING: Final[Mapping[str, str]] = {
    # What runs a task steps back by itself (`ray_tasks.workplace`), once it is there. Ray would start its
    # processes at niceness 15: on a busy machine they get a thirtieth of a processor, are not there within a
    # minute, and are ended and started again without end, while the task waits.
    "RAY_worker_niceness": "0",
    "RAY_worker_register_timeout_seconds": "600",
}

IDLE_S: Final = 300.0
"""So long a process keeps its memory without work: while a round of networks is measured, and no longer.

That is torch, and the supernet and the images of what it scored last.
"""

_STAYING: Final[Mapping[str, str]] = {
    # Of all that are idle; by itself Ray keeps one a processor for ever, and ends others within a second.
    "RAY_num_workers_soft_limit": "0",
    "RAY_idle_worker_killing_time_threshold_ms": str(int(1000 * IDLE_S)),
}


def environment(given: Mapping[str, str], address: str | None, package: Path) -> dict[str, str]:
    """Return the environment of the process that drives Ray.

    Args:
        given: That of this process.
        address: Of the cluster to join; None where a local one is started.
        package: Folder that our packages are imported from, here and in Ray's workers.
    """
    own = {**without_secrets(given), **ONE_THREAD, **_NO_REPORTS, "RAY_AUTH_MODE": "token"}
    own.update(dict.fromkeys(PROXIES, NOWHERE))
    own["no_proxy"] = own["NO_PROXY"] = "127.0.0.1,localhost"
    path = given.get("PYTHONPATH")
    own["PYTHONPATH"] = f"{package}:{path}" if path else str(package)
    if address is None:
        # Nobody but the processes of this Ray has to know it.
        own["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        own.update({**_STARTING, **_STAYING})
    if address is None or is_loopback(address.rpartition(":")[0].strip("[]")):
        # The name is misleading: with 0 every port is on 127.0.0.1, on every system.
        own["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    return own


def proxies(given: Mapping[str, str]) -> dict[str, str]:
    """Return what an environment says of proxies: tasks reach the artifact store as this process does."""
    return {name: given[name] for name in PROXIES if name in given}
